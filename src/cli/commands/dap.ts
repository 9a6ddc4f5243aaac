import { createServer } from 'node:net';
import { createSession } from '../../dap/session.js';
import { nodeHost } from '../../entry/nodeHost.js';
import type { Command } from '../option.js';
import { integer } from '../parse.js';

export const dapCommand: Command = {
  name: 'dap',
  summary: 'Serves the Debug Adapter Protocol, for any editor that speaks it.',
  details: [
    'Over standard input and output, or with --port to any number of clients over TCP on the loopback interface. docs/protocol.md lists the requests.',
  ],
  positionals: [],
  options: [
    {
      name: 'port',
      value: 'N',
      description: 'Listen on this TCP port of 127.0.0.1; 0 takes a free one and prints it.',
      default: 'standard input and output',
    },
  ],
  exitCodes: [{ code: '0', meaning: 'The client has gone.' }],
  async run(args, io) {
    const port = integer(args.text('port'), '--port', 0, 65535);
    if (port === undefined) {
      const session = createSession(nodeHost(io.installFolder));
      return new Promise(resolve => {
        session.on('close', () => resolve(0));
        process.stdout.on('error', (error: NodeJS.ErrnoException) => {
          if (error.code !== 'EPIPE') throw error;
          process.exit(0);
        });
        session.start(process.stdin, process.stdout);
      });
    }
    const server = createServer(socket => {
      const session = createSession(nodeHost(io.installFolder));
      session.setRunAsServer(true);
      socket.on('error', () => session.dispose());
      socket.on('close', () => session.dispose());
      session.start(socket, socket);
    });
    return new Promise((resolve, reject) => {
      server.on('error', (error: NodeJS.ErrnoException) =>
        reject(
          new Error(
            error.code === 'EADDRINUSE'
              ? `Port ${port} is in use. Choose another one, or --port 0 for a free one.`
              : `Port ${port}: ${error.message}`,
          ),
        ),
      );
      server.on('close', () => resolve(0));
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        io.stdout(`Listening on 127.0.0.1:${typeof address === 'object' && address ? address.port : port}\n`);
      });
    });
  },
};
