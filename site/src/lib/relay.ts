// What is said in a Daily room reaches only who is in it; the site passes on
// what the server cannot hear.

import type { AppMessage } from './call';
import { track } from './tracking';

const RELAYED = ['conversation.utterance', 'conversation.perception_tool_call', 'conversation.tool_call'];

export function relay(message: AppMessage | undefined): void {
  const name = message?.event_type;
  if (!name || !RELAYED.includes(name)) return;

  const { frames: _, ...properties } = message.properties ?? {};
  track(name, { ...properties, seq: message.seq });
}
