import { afterAll } from "vitest";
import { removeSharedCertificate } from "../support/certificates.js";
import { describeChannelContract } from "./contract.js";
import { maker } from "./makers/tcp-socket-tls.js";

afterAll(removeSharedCertificate);
describeChannelContract(maker);
