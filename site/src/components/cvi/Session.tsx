// One conversation from the first look at the devices to the end: in the
// panel of the widget, and in the stage of a demo page.

import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

import { Button, ButtonLink } from '@/components/ui/button';
import { Question } from '@/components/ui/question';
import { DEMOS, type Vertical } from '@/data/site';
import { type State, useConversation } from '@/hooks/use-conversation';
import { useStay } from '@/hooks/use-stay';
import type { Line } from '@/lib/call';
import { placeInWords } from '@/lib/line';

import { Conversation } from './Conversation';
import { DeviceCheck, poorNetwork } from './DeviceCheck';
import { Ending } from './Ending';
import { Line as WaitingLine } from './Line';
import { Portrait } from './Portrait';
import { ProblemView } from './ProblemView';

// What a screen reader is told beside the focus: a place that has changed, not
// each answer that says it again.
function aside(state: State): string {
  if (state.at === 'room' && state.waited) return 'It is your turn. The room is open.';
  if (state.at !== 'line') return '';
  return state.cut ? 'The server does not answer at the moment. We keep trying.' : state.moved ? `${placeInWords(state.place.position)}.` : '';
}

// What a visitor wants who is asked first: to close this, or to go there.
type Wish = 'close' | { href: string };

export function Session({
  vertical,
  startNow = false,
  opener,
  closing = false,
  onTalking,
  onClosed,
  onStayed
}: {
  vertical: Vertical;
  startNow?: boolean;
  // what is to be asked first
  opener?: string | undefined;
  // somebody wants to close what is around it
  closing?: boolean;
  onTalking?: (talking: boolean) => void;
  onClosed?: () => void;
  onStayed?: () => void;
}) {
  const root = useRef<HTMLDivElement>(null);
  const reveal = useCallback(() => {
    root.current?.scrollIntoView({ block: 'nearest' });
    root.current?.focus();
  }, []);
  const { state, start, leave, fail, rate } = useConversation(vertical, reveal);
  const [audioOnly, setAudioOnly] = useState(poorNetwork);
  const [lines, setLines] = useState<Line[]>([]);
  const [wish, setWish] = useState<Wish>();
  const begun = useRef(false);
  const demo = DEMOS.find((d) => d.vertical === vertical);
  const talking = state.at === 'room';

  useEffect(() => {
    if (startNow && !begun.current) {
      begun.current = true;
      start();
    }
  }, [startNow, start]);

  useEffect(() => {
    if (state.at === 'loading') setLines([]);
  }, [state.at]);
  // before anything is painted, so that no Escape comes in between
  useLayoutEffect(() => onTalking?.(talking), [talking, onTalking]);
  useEffect(() => {
    if (closing) setWish('close');
  }, [closing]);
  // it may end while it is asked
  useEffect(() => {
    if (!talking) setWish(undefined);
  }, [talking]);

  const asked = useCallback(
    (href: string) => {
      reveal();
      setWish({ href });
    },
    [reveal]
  );

  useStay(talking, asked);

  const stay = () => {
    setWish(undefined);
    onStayed?.();
  };
  const go = () => {
    const where = wish;

    leave();
    if (where === 'close') onClosed?.();
    // once the page does not ask any more
    else if (where) setTimeout(() => location.assign(where.href));
  };

  return (
    <div
      ref={root}
      role="group"
      aria-label="Conversation"
      tabIndex={-1}
      className="@container relative flex min-h-0 flex-1 flex-col outline-none"
      data-session={state.at}
    >
      <p role="status" className="sr-only">
        {aside(state)}
      </p>
      {state.at === 'ready' && !startNow && (
        <div className="grid min-h-0 flex-1 @2xl:grid-cols-[1fr_1.200fr]">
          <Portrait vertical={vertical} className="h-full min-h-0 @max-2xl:hidden" />
          <div className="flex min-h-0 flex-col overflow-y-auto">
            <div className="m-auto flex w-full max-w-xl flex-col gap-4 p-5 @2xl:p-8">
              <div className="flex items-center gap-4">
                <Portrait vertical={vertical} className="size-16 shrink-0 rounded-full @2xl:hidden" />
                <h3 className="text-xl @2xl:text-2xl">{demo ? `Talk to the ${demo.title.toLowerCase()} agent` : 'Talk to our agent'}</h3>
              </div>
              <p className="text-muted">
                You are about to meet an AI, not a person. Your browser asks before it opens camera or microphone, and you can leave at any time.
              </p>
              <Button variant="accent" size="lg" onClick={start}>
                Start conversation
              </Button>
              <DeviceCheck audioOnly={audioOnly} onAudioOnly={setAudioOnly} />
              <p className="text-sm text-muted">
                A transcript of what is said is kept. See the{' '}
                <a className="link" href="/legal/privacy">
                  privacy notice
                </a>
                .
              </p>
            </div>
          </div>
        </div>
      )}

      {state.at === 'loading' && (
        <div className="m-auto flex flex-col items-center gap-5 p-8" role="status">
          <Portrait vertical={vertical} className="size-32 rounded-full" />
          <span className="waves" aria-hidden="true">
            <i />
            <i />
            <i />
            <i />
            <i />
          </span>
          <p className="text-lg">Preparing your room…</p>
        </div>
      )}

      {state.at === 'line' && (
        <WaitingLine vertical={vertical} place={state.place} cut={state.cut} audioOnly={audioOnly} onAudioOnly={setAudioOnly} onLeave={() => leave()} />
      )}

      {state.at === 'room' && (
        <>
          {state.room.sandbox && (
            <p className="call-sandbox bg-accent-wash px-5 py-1.5 text-center text-sm font-semibold text-accent-ink">Sandbox: nobody real is on the line.</p>
          )}
          <Conversation
            room={state.room}
            id={state.id}
            vertical={vertical}
            seconds={state.seconds}
            audioOnly={audioOnly}
            opener={opener}
            asks={demo?.asks ?? []}
            onLines={setLines}
            onLeave={leave}
            onFail={fail}
          />
        </>
      )}

      {state.at === 'problem' && (
        <ProblemView key={String(state.again) + state.problem.requestId} problem={state.problem} again={state.again} onRetry={start} />
      )}

      {(state.at === 'ended' || state.at === 'left') && (
        <Ending
          why={state.at === 'ended' ? state.why : undefined}
          line={state.at === 'left' && state.line}
          lines={lines}
          vertical={vertical}
          onRate={rate}
          onStart={start}
        />
      )}

      {wish && (
        <Question
          title="End the conversation?"
          text={
            wish === 'close'
              ? 'You are talking with the agent. Closing this ends the call.'
              : 'You are talking with the agent. Going to another page ends the call.'
          }
          onEscape={stay}
        >
          <Button onClick={stay}>Keep talking</Button>
          {wish !== 'close' && (
            <ButtonLink variant="outline" href={wish.href} target="_blank" onClick={stay}>
              Open in a new tab
            </ButtonLink>
          )}
          <Button variant="danger" onClick={go}>
            {wish === 'close' ? 'End and close' : 'End and go'}
          </Button>
        </Question>
      )}
    </div>
  );
}
