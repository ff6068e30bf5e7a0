import { useEffect, useRef } from 'react';

import { Alert } from '@/components/ui/alert';
import { ButtonLink } from '@/components/ui/button';
import { inWords } from '@/hooks/use-countdown';

// What went wrong with what was sent, in words, and another way.
export interface Trouble {
  title: string;
  text: string;
  wait: number;
  mild?: boolean;
}

export function TroubleView({ trouble, email, mail }: { trouble: Trouble; email: string; mail: string }) {
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    box.current?.focus();
  }, [trouble]);

  return (
    <div ref={box} tabIndex={-1} className="outline-none" data-trouble>
      <Alert live tone={trouble.mild ? 'warm' : 'bad'} title={trouble.title}>
        <p>
          {trouble.text}
          {trouble.wait > 0 && ` You can try again in ${inWords(trouble.wait)}.`}
        </p>
      </Alert>
      <ButtonLink size="sm" variant="outline" className="mt-3" href={`mailto:${email}?${mail}`}>
        Write to {email}
      </ButtonLink>
    </div>
  );
}
