// The admin API as the module gives it.

export interface SystemEvent {
  id: string;
  timestamp: string;
  type: 'webhook' | 'error' | 'info' | 'conversion';
  source: string;
  conversationId?: string | null;
  event_type?: string;
  received_at?: string;
  data: unknown;
}

export interface Conversation {
  id: string;
  url: string;
  personaId?: string;
  replicaId?: string;
  vertical: string;
  memoryStores?: string[];
  documentTags?: string[];
  status: string;
  createdAt: string;
  endedAt?: string | null;
  started_at?: string | null;
  shutdown_reason?: string | null;
  session_id?: string | null;
  utm_source?: string | null;
  utm_medium?: string | null;
  utm_campaign?: string | null;
}

export interface Line { role: string; content: string; timestamp?: number | string; seconds_from_start?: number }

export interface ConversationDetail extends Conversation {
  events: SystemEvent[];
  transcript?: Line[] | null;
}

export const EVENT_FILTERS = ['type', 'source', 'event_type', 'conversation_id', 'q', 'from', 'to'] as const;
export const CONVERSATION_FILTERS = ['status', 'vertical', 'from', 'to'] as const;

export class AdminError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) { super(message); }
}

export async function ask<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(`/api/admin/${path}`, { signal, headers: { Accept: 'application/json' } });
  const body = await response.json().catch(() => ({})) as { code?: string; detail?: string };

  if (!response.ok) {
    throw new AdminError(response.status, body.code ?? 'unknown', body.detail ?? `The server answered ${response.status}.`);
  }
  return body as T;
}
