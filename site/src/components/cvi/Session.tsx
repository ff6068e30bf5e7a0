// One conversation from the first look at the devices to the end: in the
// dialog of the widget, and in the stage of a demo page.

import { PhoneOff } from 'lucide-react';
import { useCallback, useEffect, useRef, useState } from 'react';

import { Button, ButtonLink } from '@/components/ui/button';
import { placeInWords } from '@/lib/line';
import { DEMOS, type Vertical } from '@/lib/site';

import { Conversation } from './Conversation';
import { DeviceCheck, poorNetwork } from './DeviceCheck';
import { Line } from './Line';
import { Portrait } from './Portrait';
import { ProblemView } from './ProblemView';
import { type State, useConversation, type Why } from './use-conversation';

const ENDED: Record<Why, string> = {
  left: 'The conversation has ended.',
  agent_left: 'The agent has left the room.',
  ejected: 'The conversation was ended from the other side.',
  expired: 'The time for this conversation is over.',
  ended: 'The conversation has ended.'
};

// What a screen reader is told beside the focus: a place that has changed, not
// each answer that says it again.
function aside(state: State): string {
  if (state.at === 'room' && state.waited) return 'It is your turn. The room is open.';
  if (state.at !== 'line') return '';
  return state.cut ? 'The server does not answer at the moment. We keep trying.' : state.moved ? `${placeInWords(state.place.position)}.` : '';
}

export function Session({ vertical, startNow = false }: { vertical: Vertical; startNow?: boolean }) {
  const root = useRef<HTMLDivElement>(null);
  const reveal = useCallback(() => root.current?.focus(), []);
  const { state, start, leave, fail } = useConversation(vertical, reveal);
  const [met, setMet] = useState(false);
  const [audioOnly, setAudioOnly] = useState(poorNetwork);
  const begun = useRef(false);
  const after = useRef<HTMLHeadingElement>(null);
  const topic = DEMOS.find((d) => d.vertical === vertical)?.title;

  useEffect(() => {
    if (startNow && !begun.current) {
      begun.current = true;
      start();
    }
  }, [startNow, start]);

  const onMet = useCallback(() => setMet(true), []);

  useEffect(() => { if (state.at === 'loading') setMet(false); }, [state.at]);
  useEffect(() => { if (state.at === 'ended' || state.at === 'left') after.current?.focus(); }, [state.at]);

  return (
    <div ref={root} role="group" aria-label="Conversation" tabIndex={-1} className="flex min-h-0 flex-1 flex-col outline-none" data-session={state.at}>
      <p role="status" className="sr-only">{aside(state)}</p>
      {state.at === 'ready' && !startNow && (
        <div className="grid flex-1 md:min-h-0 md:grid-cols-[1fr_1.200fr]">
          <Portrait vertical={vertical} className="h-full min-h-0 max-md:hidden" />
          <div className="flex flex-col overflow-y-auto">
            <div className="m-auto flex w-full max-w-xl flex-col gap-5 p-6 md:p-8">
              <Portrait vertical={vertical} className="size-24 rounded-full md:hidden" />
              <div>
                <h3 className="font-display text-2xl font-bold">{topic ? `Talk to the ${topic.toLowerCase()} agent` : 'Talk to our agent'}</h3>
                <p className="mt-2 text-muted">You are about to meet an AI, not a person. Your browser asks before it opens camera or microphone, and you can leave at any time.</p>
              </div>
              <DeviceCheck audioOnly={audioOnly} onAudioOnly={setAudioOnly} />
              <Button variant="accent" size="lg" onClick={start}>Start conversation</Button>
              <p className="text-sm text-muted">A transcript of what is said is kept. See the <a className="link" href="/legal/privacy">privacy notice</a>.</p>
            </div>
          </div>
        </div>
      )}

      {state.at === 'loading' && (
        <div className="m-auto flex flex-col items-center gap-5 p-8" role="status">
          <Portrait vertical={vertical} className="size-32 rounded-full" />
          <span className="waves" aria-hidden="true"><i /><i /><i /><i /><i /></span>
          <p className="text-lg">Preparing your room…</p>
        </div>
      )}

      {state.at === 'line' && (
        <Line vertical={vertical} place={state.place} cut={state.cut} audioOnly={audioOnly} onAudioOnly={setAudioOnly} onLeave={() => leave()} />
      )}

      {state.at === 'room' && (
        <>
          {state.room.sandbox && <p className="bg-accent-wash px-5 py-2 text-center text-sm font-semibold text-accent-ink">Sandbox: nobody real is on the line.</p>}
          <div className="min-h-0 flex-1 bg-black">
            <Conversation room={state.room} audioOnly={audioOnly} onMet={onMet} onLeave={leave} onFail={fail} />
          </div>
          <div className="flex items-center justify-between gap-3 px-5 py-3 max-sm:justify-center">
            <p className="text-sm text-muted max-sm:sr-only" role="status">{state.room.daily && !met ? 'The agent is on its way.' : 'You are in the room.'}</p>
            <Button variant="danger" size="sm" onClick={() => leave()}><PhoneOff aria-hidden="true" />End conversation</Button>
          </div>
        </>
      )}

      {state.at === 'problem' && (
        <ProblemView key={String(state.again) + state.problem.requestId} problem={state.problem} again={state.again} onRetry={start} />
      )}

      {(state.at === 'ended' || state.at === 'left') && (
        <div className="m-auto flex max-w-md flex-col items-center gap-4 p-6 text-center">
          <Portrait vertical={vertical} className="size-24 rounded-full" />
          {state.at === 'ended'
            ? (
                <>
                  <h3 ref={after} tabIndex={-1} className="font-display text-2xl font-bold outline-none">Thank you for the talk.</h3>
                  <p className="text-muted" data-why={state.why}>{ENDED[state.why]} If it left a question open, a person will read your message.</p>
                </>
              )
            : (
                <>
                  <h3 ref={after} tabIndex={-1} className="font-display text-2xl font-bold outline-none">{state.line ? 'You have left the line.' : 'You left before the room opened.'}</h3>
                  <p className="text-muted">{state.line ? 'Your place goes to whoever is next. You can get in line again, or leave a message: a person will read it.' : 'You can start again, or leave a message: a person will read it.'}</p>
                </>
              )}
          <div className="flex flex-wrap justify-center gap-3">
            <Button onClick={start}>{state.at === 'ended' ? 'Start another' : state.line ? 'Get in line again' : 'Start again'}</Button>
            <ButtonLink variant="outline" href="/contact">Leave a message</ButtonLink>
          </div>
        </div>
      )}
    </div>
  );
}
