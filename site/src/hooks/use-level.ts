import { useEffect, useState } from 'react';

// How loud a stream is, from 0 to 1, some times a second; heard: it was loud enough
// for speech once.  deaf: the browser cannot tell, as where there is nothing to play on.
export function useLevel(stream: MediaStream | undefined): { level: number; heard: boolean; deaf: boolean } {
  const [level, setLevel] = useState(0);
  const [heard, setHeard] = useState(false);
  const [deaf, setDeaf] = useState(false);

  useEffect(() => {
    setLevel(0);
    setHeard(false);
    setDeaf(false);
    if (!stream?.getAudioTracks().length) return;

    const context = new AudioContext();
    const meter = context.createAnalyser();
    const wave = new Float32Array((meter.fftSize = 1024));

    // kept, or it is collected while it is listened to
    const source = context.createMediaStreamSource(stream);

    source.connect(meter);
    void context.resume();

    const began = performance.now();
    const timer = setInterval(() => {
      setDeaf(context.state !== 'running' && performance.now() - began > 2000);
      meter.getFloatTimeDomainData(wave);

      const loud = Math.sqrt(wave.reduce((sum, v) => sum + v * v, 0) / wave.length);
      // decibels, as ears have it: from -55 to -5
      const now = Math.min(1, Math.max(0, (20 * Math.log10(loud + 1e-6) + 55) / 50));

      setLevel(now);
      if (now > 0.3) setHeard(true);
    }, 80);

    return () => {
      clearInterval(timer);
      source.disconnect();
      void context.close();
    };
  }, [stream]);

  return { level, heard, deaf };
}
