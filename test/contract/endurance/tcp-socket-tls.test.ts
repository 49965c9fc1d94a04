import { afterAll } from "vitest";
import { removeSharedCertificate } from "../../support/certificates.js";
import { maker } from "../makers/tcp-socket-tls.js";
import { describeEndurance } from "./endurance.js";

afterAll(removeSharedCertificate);
describeEndurance(maker);
