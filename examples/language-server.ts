/**
 * A language server in small: JSON-RPC 2.0 with the framing of the Language Server Protocol. It answers requests, and tells the editor of
 * diagnostics by notifications of its own, over the same connection. The editor here is vscode-jsonrpc, the library that VS Code uses.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node.js";
import { contentLength, UnixSocket } from "sluice";
import { peer } from "sluice/rpc";

interface Editor {
  readonly "textDocument/publishDiagnostics": (input: { uri: string; diagnostics: object[] }) => void;
}

const path = `/tmp/sluice-language-server-${process.pid}.sock`;
const listener = await UnixSocket.listen(path, { framing: contentLength() });

const serving = listener.accept().then((channel) => {
  const { client: editor, server } = peer<Editor>(
    channel,
    {
      initialize: () => ({ capabilities: { hoverProvider: true, textDocumentSync: 1 } }),
      initialized: () => undefined,
      async "textDocument/didOpen"({ textDocument }: { textDocument: { uri: string; text: string } }) {
        const diagnostics = textDocument.text.includes("TODO") ? [{ message: "there is work to do" }] : [];
        // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- a name with a slash is no enum
        await editor.notify["textDocument/publishDiagnostics"]({ uri: textDocument.uri, diagnostics });
      },
      "textDocument/hover": () => ({ contents: "a word" }),
      shutdown: () => null,
    },
    { protocol: "json-rpc" },
  );
  return server.closed;
});

// The editor.
const socket = connect(path);
const connection = createMessageConnection(new StreamMessageReader(socket), new StreamMessageWriter(socket));
const published = new Promise((resolve) => {
  connection.onNotification("textDocument/publishDiagnostics", resolve);
});
connection.listen();
console.log(await connection.sendRequest("initialize", { capabilities: {} }));
await connection.sendNotification("initialized", {});
await connection.sendNotification("textDocument/didOpen", {
  textDocument: { uri: "file:///a", text: "TODO" },
});
console.log(JSON.stringify(await published));
console.log(await connection.sendRequest("textDocument/hover", { position: { line: 0, character: 1 } }));
await connection.sendRequest("shutdown");
connection.dispose();
socket.destroy();
await once(socket, "close");
await serving;
await listener.close();
