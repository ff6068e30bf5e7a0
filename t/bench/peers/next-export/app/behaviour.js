'use client';

import { useEffect } from 'react';

// The site's own script, to the letter: the difference is the framework's.
export function Behaviour() {
    useEffect(() => { void import('../src/scripts/site.ts'); }, []);
    return null;
}
