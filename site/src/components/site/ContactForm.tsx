import { useEffect, useRef, useState } from 'react';

import { Alert } from '@/components/ui/alert';
import { Button, ButtonLink } from '@/components/ui/button';
import { Field, Input, Textarea } from '@/components/ui/field';
import { LIVE } from '@/lib/client-intent';
import { config } from '@/lib/config';
import { EMAIL } from '@/lib/site';
import { track } from '@/lib/tracking';
import { visitor } from '@/lib/visitor';

type Name = 'name' | 'email' | 'company' | 'phone' | 'message';
type Errors = Partial<Record<Name, string>>;
type State = 'open' | 'busy' | 'sent' | 'absent' | 'failed' | 'limited';

const NAMES: Name[] = ['name', 'email', 'company', 'phone', 'message'];

// What the server will ask for too, said before it is asked.
function check(v: Record<Name, string>): Errors {
  const errors: Errors = {};

  if ([...v.name].length < 2) errors.name = 'Tell us your name, with at least two letters.';
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(v.email)) errors.email = 'This does not look like an e-mail address.';
  if ([...v.message].length < 10) errors.message = 'A few more words, please: at least ten letters.';
  return errors;
}

export function ContactForm() {
  const form = useRef<HTMLFormElement>(null);
  const sent = useRef<HTMLHeadingElement>(null);
  const [errors, setErrors] = useState<Errors>({});
  const [state, setState] = useState<State>('open');
  const [wait, setWait] = useState(0);
  const [email, setEmail] = useState(EMAIL);

  useEffect(() => {
    void config().then((c) => setEmail(c.contact_email));
    form.current?.dispatchEvent(new Event(LIVE, { bubbles: true }));
  }, []);
  useEffect(() => { if (state === 'sent') sent.current?.focus(); }, [state]);

  const field = (name: Name) => form.current?.elements.namedItem(name) as HTMLInputElement;

  const show = (found: Errors) => {
    setErrors(found);
    const first = NAMES.find((n) => found[n]);
    if (first) field(first).focus();
  };

  const send = async () => {
    const values = Object.fromEntries(NAMES.map((n) => [n, field(n).value.trim()])) as Record<Name, string>;
    const found = check(values);

    if (Object.keys(found).length) return show(found);
    setErrors({});
    setState('busy');

    const { post, problemOf } = await import('@/lib/tavus');

    try {
      const { company, phone, ...must } = values;
      const response = await post('/api/contact', { ...must, ...(company && { company }), ...(phone && { phone }), ...visitor() });

      if (response.ok) {
        track('generate_lead', { place: 'contact' });
        return setState('sent');
      }
      if (response.status === 400) {
        const { issues = [] } = await response.json() as { issues?: { field?: Name; message: string }[] };
        setState('open');
        return show(Object.fromEntries(issues.map((i) => [i.field ?? 'message', i.message])));
      }
      const problem = await problemOf(response);
      setWait(problem.retryAfter);
      setState(problem.status === 404 || problem.status === 503 ? 'absent' : problem.status === 429 ? 'limited' : 'failed');
    } catch {
      setState('failed');
    }
  };

  if (state === 'sent') {
    return (
      <div className="rounded-card bg-good-wash p-8 sm:p-10">
        <h2 ref={sent} tabIndex={-1} className="text-2xl font-bold outline-none">Thank you. We have it.</h2>
        <p className="mt-3">Your message is stored, and a person will read it and answer by e-mail.</p>
      </div>
    );
  }

  const described = (n: Name) => ({ 'aria-invalid': errors[n] ? true : undefined, 'aria-describedby': errors[n] ? `${n}-error` : undefined });
  const values = () => NAMES.map((n) => field(n)?.value).filter(Boolean).join('\n');

  return (
    <form ref={form} noValidate onSubmit={(e) => { e.preventDefault(); void send(); }} className="flex flex-col gap-5 rounded-card border border-line bg-surface p-6 sm:p-9">
      <div className="grid gap-5 sm:grid-cols-2">
        <Field id="name" label="Name" error={errors.name}><Input id="name" name="name" autoComplete="name" required maxLength={200} {...described('name')} /></Field>
        <Field id="email" label="E-mail" error={errors.email}><Input id="email" name="email" type="email" autoComplete="email" required maxLength={254} {...described('email')} /></Field>
        <Field id="company" label="Company (optional)" error={errors.company}><Input id="company" name="company" autoComplete="organization" maxLength={200} {...described('company')} /></Field>
        <Field id="phone" label="Phone (optional)" error={errors.phone}><Input id="phone" name="phone" type="tel" autoComplete="tel" maxLength={50} {...described('phone')} /></Field>
      </div>
      <Field id="message" label="Message" error={errors.message}><Textarea id="message" name="message" required maxLength={5000} rows={6} {...described('message')} /></Field>
      <div className="needs-js flex flex-wrap items-center gap-4">
        <Button type="submit" size="lg" aria-busy={state === 'busy'} disabled={state === 'busy'}>{state === 'busy' ? 'Sending…' : 'Send message'}</Button>
        <p className="text-sm text-muted">Used to answer you. See the <a className="link" href="/legal/privacy">privacy notice</a>.</p>
      </div>
      <p className="no-js">The form needs JavaScript. An e-mail does not: <a className="link" href={`mailto:${EMAIL}`}>{EMAIL}</a></p>
      {(state === 'absent' || state === 'failed' || state === 'limited') && (
        <Alert live tone={state === 'absent' ? 'warm' : 'bad'} title={state === 'absent' ? 'The form cannot take messages right now' : state === 'limited' ? 'Too many messages at once' : 'The message did not get through'}>
          <p>{state === 'limited' && wait > 0 ? `Try again in ${wait} seconds. ` : ''}Nothing has been stored, and what you wrote is still here. It can go by e-mail as well.</p>
          <ButtonLink size="sm" variant="outline" className="mt-3" href={`mailto:${email}?subject=Message&body=${encodeURIComponent(values())}`}>Write to {email}</ButtonLink>
        </Alert>
      )}
    </form>
  );
}
