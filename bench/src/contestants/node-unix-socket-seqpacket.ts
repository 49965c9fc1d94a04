export { seqpacket as default } from "./node-unix-socket.js";
