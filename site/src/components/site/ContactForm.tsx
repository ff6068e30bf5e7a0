import { useEffect, useRef, useState } from 'react';

import { Button } from '@/components/ui/button';
import { Field, Input, Textarea } from '@/components/ui/field';
import { worth } from '@/lib/asked';
import { LIVE } from '@/lib/client-intent';
import { fault, FIELDS, type Name, NAMES } from '@/lib/contact';
import { clock, useCountdown } from '@/hooks/use-countdown';
import { EMAIL } from '@/data/site';
import type { Problem } from '@/lib/tavus';
import { track } from '@/lib/tracking';
import { visitor } from '@/lib/visitor';

import { type Trouble, TroubleView } from './Trouble';
import { usePrices } from '@/hooks/use-prices';

type Errors = Partial<Record<Name, string>>;

const HERE = 'What you wrote is still here.';

function troubleOf({ status, retryAfter: wait }: Problem): Trouble {
  switch (status) {
    case 0:
      return {
        wait,
        title: 'No connection',
        text: `The server could not be reached, or its answer was lost on the way. ${HERE} Check your connection and send it again: should it arrive twice, that does no harm.`
      };
    case 400:
      return {
        wait,
        title: 'The form was not understood',
        text: `Perhaps this page is older than the server. Nothing has been stored. Copy what you wrote, load the page again, or send it by e-mail.`
      };
    case 404:
    case 503:
      return { wait, mild: true, title: 'The form cannot take messages right now', text: `Nothing has been stored. ${HERE} It can go by e-mail as well.` };
    case 413:
      return { wait, title: 'That is more than the form can take', text: `Nothing has been stored. ${HERE} Shorten it, or send it by e-mail.` };
    case 429:
      return { wait, title: 'Too many messages at once', text: `A few were sent from here just now. Nothing has been stored of this one. ${HERE}` };
    default:
      return { wait, title: 'The message did not get through', text: `Something failed on our side. ${HERE} Send it again, or by e-mail.` };
  }
}

export function ContactForm() {
  const form = useRef<HTMLFormElement>(null);
  const sent = useRef<HTMLHeadingElement>(null);
  // a second press comes before the first is drawn
  const under = useRef(false);
  const [errors, setErrors] = useState<Errors>({});
  const [state, setState] = useState<'open' | 'busy' | 'sent'>('open');
  const [trouble, setTrouble] = useState<Trouble>();
  const [email, setEmail] = useState(EMAIL);
  const prices = usePrices((c) => setEmail(c.contact_email));
  const left = useCountdown(trouble?.wait ?? 0, trouble);

  useEffect(() => {
    form.current?.dispatchEvent(new Event(LIVE, { bubbles: true }));
  }, []);
  useEffect(() => {
    if (state === 'sent') sent.current?.focus();
  }, [state]);

  const field = (name: Name) => form.current?.elements.namedItem(name) as HTMLInputElement;
  const value = (name: Name) => field(name).value.trim();

  const show = (found: Errors) => {
    setErrors(found);
    const first = NAMES.find((n) => found[n]);
    if (first) field(first).focus();
  };

  const failed = (problem: Problem) => setTrouble(troubleOf(problem));

  const post = async () => {
    const { post, problemOf, talkedIn } = await import('@/lib/tavus');
    const given = Object.fromEntries(NAMES.map((n) => [n, value(n)]).filter(([, v]) => v));
    const response = await post('/api/contact', { ...given, ...talkedIn(), ...visitor() });

    if (response.ok) {
      track('generate_lead', { place: 'contact', ...worth(new URLSearchParams(location.search), prices) });
      return setState('sent');
    }
    if (response.status === 400) {
      const { issues = [] } = (await response.clone().json()) as { issues?: { field?: Name; message: string }[] };
      const found = Object.fromEntries(issues.flatMap((i) => (NAMES.includes(i.field!) ? [[i.field, i.message]] : [])));

      if (Object.keys(found).length) return show(found);
    }
    failed(await problemOf(response));
  };

  const send = async () => {
    if (under.current || left > 0) return;

    const found = Object.fromEntries(
      NAMES.flatMap((n) => {
        const wrong = fault(n, value(n));
        return wrong ? [[n, wrong]] : [];
      })
    ) as Errors;

    setTrouble(undefined);
    if (Object.keys(found).length) return show(found);
    setErrors({});
    setState('busy');
    under.current = true;

    try {
      await post();
    } catch {
      failed({ code: 'network', status: 0, retryAfter: 0 });
    } finally {
      under.current = false;
      setState((s) => (s === 'sent' ? s : 'open'));
    }
  };

  if (state === 'sent') {
    return (
      <div className="rounded-card bg-good-wash p-8 sm:p-10">
        <h2 ref={sent} tabIndex={-1} className="text-2xl font-bold outline-none">
          Thank you. We have it.
        </h2>
        <p className="mt-3">Your message is stored, and a person will read it and answer by e-mail.</p>
      </div>
    );
  }

  const input = (name: Name) => ({
    id: name,
    name,
    required: FIELDS.find((f) => f.name === name)!.min > 0,
    'aria-invalid': errors[name] ? true : undefined,
    'aria-describedby': errors[name] ? `${name}-error` : undefined
  });
  const written = () =>
    NAMES.map((n) => field(n)?.value)
      .filter(Boolean)
      .join('\n');

  return (
    <form
      ref={form}
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        void send();
      }}
      className="flex flex-col gap-5 rounded-card border border-line bg-surface p-6 sm:p-9"
    >
      <div className="grid items-start gap-5 sm:grid-cols-2">
        <Field id="name" label="Name" error={errors.name}>
          <Input autoComplete="name" {...input('name')} />
        </Field>
        <Field id="email" label="E-mail" error={errors.email}>
          <Input type="email" autoComplete="email" {...input('email')} />
        </Field>
        <Field id="company" label="Company (optional)" error={errors.company}>
          <Input autoComplete="organization" {...input('company')} />
        </Field>
        <Field id="phone" label="Phone (optional)" error={errors.phone}>
          <Input type="tel" autoComplete="tel" {...input('phone')} />
        </Field>
      </div>
      <Field id="message" label="Message" error={errors.message}>
        <Textarea rows={6} {...input('message')} />
      </Field>
      <div className="needs-js flex flex-wrap items-center gap-4">
        <Button type="submit" size="lg" className="tabular-nums" aria-busy={state === 'busy'} disabled={state === 'busy' || left > 0}>
          {state === 'busy' ? 'Sending…' : left > 0 ? `Again in ${clock(left)}` : 'Send message'}
        </Button>
        <p className="text-sm text-muted">
          Used to answer you. See the{' '}
          <a className="link" href="/legal/privacy">
            privacy notice
          </a>
          .
        </p>
      </div>
      <p className="no-js">
        The form needs JavaScript. An e-mail does not:{' '}
        <a className="link" href={`mailto:${EMAIL}`}>
          {EMAIL}
        </a>
      </p>
      {trouble && <TroubleView trouble={trouble} email={email} mail={`subject=Message&body=${encodeURIComponent(written())}`} />}
    </form>
  );
}
