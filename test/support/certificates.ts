/** Certificates for tests, made by the `openssl` program: an authority, and certificates that it has signed or not. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** A key with its certificate, in PEM. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
  /** Files with the same, for other programs. */
  readonly keyFile: string;
  readonly certFile: string;
}

/** An authority that signs certificates. */
export class Authority implements Disposable {
  readonly #folder: string;
  readonly #own: Certificate;

  constructor(folder: string = mkdtempSync(path.join(tmpdir(), "sluice-certificates-"))) {
    this.#folder = folder;
    this.#own = this.#make("authority", ["-x509", "-days", "2", "-subj", "/CN=authority of a test"]);
  }

  /** What a peer that trusts this authority is given. */
  get ca(): string {
    return this.#own.cert;
  }

  get caFile(): string {
    return this.#own.certFile;
  }

  /** A certificate for this name; for "localhost", also for the addresses of the loopback interface. */
  sign(name: string, days = 2): Certificate {
    const request = this.#file(`${name}.csr`);
    const { key, keyFile } = this.#make(name, ["-subj", `/CN=${name}`], request);
    const certFile = this.#file(`${name}.pem`);
    const extensions = this.#file(`${name}.ext`);
    writeFileSync(extensions, `subjectAltName=DNS:${name},IP:127.0.0.1,IP:::1\n`);
    openssl(
      ["x509", "-req", "-in", request, "-CA", this.caFile, "-CAkey", this.#own.keyFile],
      ["-CAcreateserial", "-days", String(days), "-extfile", extensions, "-out", certFile],
    );
    return { key, keyFile, certFile, cert: readFileSync(certFile, "utf8") };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #make(name: string, options: readonly string[], target = this.#file(`${name}.pem`)): Certificate {
    const keyFile = this.#file(`${name}.key`);
    openssl(
      ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile],
      ["-out", target, ...options],
    );
    const [key, cert] = [keyFile, target].map((file) => readFileSync(file, "utf8"));
    return { key: key ?? "", cert: cert ?? "", keyFile, certFile: target };
  }

  #file(name: string): string {
    return path.join(this.#folder, name.replaceAll(" ", "-"));
  }
}

/** Where this process, and those that it starts, find the certificate of {@link sharedCertificate}. */
const SHARED = "SLUICE_TEST_CERTIFICATES";

/** An authority and a certificate of "localhost" for this process and those that it starts; made when they are first asked for. */
export function sharedCertificate(): { readonly ca: string; readonly own: Certificate } {
  const folder = process.env[SHARED] ?? makeShared();
  const [keyFile, certFile] = [path.join(folder, "localhost.key"), path.join(folder, "localhost.pem")];
  const read = (file: string): string => readFileSync(file, "utf8");
  return {
    ca: read(path.join(folder, "authority.pem")),
    own: { key: read(keyFile), cert: read(certFile), keyFile, certFile },
  };
}

function makeShared(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-certificates-"));
  new Authority(folder).sign("localhost");
  process.env[SHARED] = folder;
  // A test's process is ended by vitest without this event: its file calls it itself.
  process.once("exit", removeSharedCertificate);
  return folder;
}

/** Removes them: for the process that has made them, at its end. */
export function removeSharedCertificate(): void {
  const folder = process.env[SHARED];
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}

function openssl(...parts: readonly (readonly string[])[]): void {
  try {
    execFileSync("openssl", parts.flat(), { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new Error(
      "These tests make certificates with openssl, which is not there: apt-get install openssl",
      {
        cause: error,
      },
    );
  }
}
