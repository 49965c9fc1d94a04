export { datagrams as default } from "./node-unix-socket.js";
