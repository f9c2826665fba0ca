import type { Link } from '../ports/link.ts';
import { encodeMessage } from '../protocol/codec.ts';
import type { Answer, Hello } from '../protocol/messages.ts';
import { answerHello } from './answer-hello.ts';
import type { HelloAnswer } from './answer-hello.ts';
import type { LeaderOptions } from './leader-options.ts';

/** Judges a hello for the leader of `options`, by the state of its log in this turn. */
export function judgeHello(options: LeaderOptions, hello: Hello): HelloAnswer {
  const { log, hooks, epoch, nodeId, clusterId, historyId, voters, configHash } = options;
  return answerHello(
    {
      epoch,
      nodeId,
      clusterId,
      historyId,
      voters,
      epochs: log.epochs,
      durable: log.durable,
      commitLsn: hooks.committedLsn(),
      configHash,
      firstLsn: log.firstLsn,
    },
    hello,
  );
}

/** Sends the answer to a hello; resolves when the link has taken it over. */
export function sendAnswer(
  options: LeaderOptions,
  link: Link,
  part: Pick<Answer, 'verdict' | 'code' | 'message' | 'at'>,
): Promise<void> {
  const { epoch, nodeId, clusterId, historyId, hooks, voters, quorum } = options;
  const answer: Answer = {
    kind: 'answer',
    ...part,
    epoch,
    leader: nodeId,
    clusterId,
    historyId,
    commitLsn: hooks.committedLsn(),
    config: part.verdict === 'refuse' ? null : { voters, quorum },
  };
  return new Promise((resolve) => {
    link.send(encodeMessage(answer), resolve);
  });
}
