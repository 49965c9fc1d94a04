import { readFileSync } from "node:fs";
import path from "node:path";
import { root } from "../../lib/project.mjs";
import { run } from "../../lib/run.mjs";

/**
 * `npm run sbom` tells what comes with the package: the optional engine with its builds for each platform, and nothing else. It is made when a version
 * is published, and not packed: it names what the lock file has, while the tarball's reader gets what his own installation resolves to.
 *
 * @param {import("../../lib/report.mjs").Report} report
 */
export async function checkSbom(report) {
  await report.step("package: the bill of materials names the optional engine and nothing else", async () => {
    const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
    const { stdout } = await run("npm", ["run", "--silent", "sbom"], { limitSeconds: 60 });
    const sbom = JSON.parse(stdout);
    const of = `pkg:npm/${String(manifest.name)}@${String(manifest.version)}`;
    if (sbom.bomFormat !== "CycloneDX" || sbom.metadata.component.purl !== of)
      throw new Error(
        `It is a ${String(sbom.bomFormat)} of ${String(sbom.metadata.component.purl)}, not of ${of}`,
      );
    const optional = Object.keys(manifest.optionalDependencies);
    const strange = sbom.components
      .filter((/** @type {{ name: string, scope: string }} */ { name, scope }) => {
        return (
          scope !== "optional" || !optional.some((known) => name === known || name.startsWith(`${known}-`))
        );
      })
      .map((/** @type {{ name: string, scope: string }} */ { name, scope }) => `${name} (${scope})`);
    if (strange.length > 0) throw new Error(`It names ${strange.join(", ")}`);
    if (sbom.components.length < optional.length) throw new Error("It lacks the optional dependencies");
  });
}
