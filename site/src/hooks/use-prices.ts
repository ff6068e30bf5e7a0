import { useEffect, useState } from 'react';

import { type Config, config } from '@/lib/config';
import { BUILT_IN, pricesOf } from '@/data/prices';

// What this deployment charges; until that is known, what is built in.
export function usePrices(told?: (c: Config) => void) {
  const [prices, setPrices] = useState(BUILT_IN);

  useEffect(() => {
    void config().then((c) => {
      setPrices(pricesOf(c.prices));
      told?.(c);
    });
    // once: what is told does not change
  }, []);

  return prices;
}
