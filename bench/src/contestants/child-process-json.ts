import { overIpc } from "./child-process.js";

export default overIpc("json");
