// What is said in a Daily room reaches only who is in it; the site passes on
// what the server cannot hear.

import { track } from '@/lib/tracking';

const RELAYED = ['conversation.utterance', 'conversation.perception_tool_call',
  'conversation.tool_call'];

export interface AppMessage {
  message_type?: string;
  event_type?: string;
  seq?: number;
  properties?: Record<string, unknown>;
}

export function relay(message: AppMessage | undefined): void {
  const name = message?.event_type;
  if (!name || !RELAYED.includes(name)) return;

  const { frames: _, ...properties } = message.properties ?? {};
  track(name, { ...properties, seq: message.seq });
}
