// Tells which files of the library a process runs that a test has started.
import { origin } from "../origin.js";

console.log(JSON.stringify(origin()));
