/** The environment variable that tells a child its descriptors: the one it reads, a comma, the one it writes. */
export const VARIABLE = "SLUICE_PIPE";
