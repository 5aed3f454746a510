// An app that logs with pino and winston: two lines in a piece of work with a prompt, two in one without.

import { Client, logFields, run, winstonFormat } from '@promptstage/client';
import pino from 'pino';
import winston from 'winston';

const client = new Client({ url: 'http://127.0.0.1:1', token: 'none', snapshotDir: process.argv[2] });
const format = winston.format.combine(winstonFormat(), winston.format.json());
const logs = [
  pino({ mixin: logFields }, pino.destination({ dest: 1, sync: true })),
  winston.createLogger({ format, transports: [new winston.transports.Console()] }),
];
run(() => {
  client.get('summarize', { fallback: 'Summarize.' });
  for (const log of logs) log.info('with');
});
run(() => {
  for (const log of logs) log.info('without');
});
client.close();
