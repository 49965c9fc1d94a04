// Says what became of listening on a port that takes a privilege.
import { ChannelError, TcpSocket } from "sluice";

try {
  const listener = await TcpSocket.listen({ port: 81 });
  console.log("listening");
  await listener.close();
} catch (error) {
  if (!(error instanceof ChannelError)) throw error;
  console.log(error.code, error.message);
}
