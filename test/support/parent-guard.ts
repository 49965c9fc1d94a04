// Loaded into every peer before its program: ends the peer when the test's process was killed without a chance to
// clean up. A process whose parent dies is handed to another parent, so the parent's pid tells.
const parent = Number(process.env["SLUICE_TEST_PARENT"]);
const pollMs = 500;

setInterval(() => {
  if (process.ppid !== parent) process.exit(70);
}, pollMs).unref();
