// Two tones, to hear whether a loudspeaker works; resolves when they were played.
export async function chime(sink: string | undefined): Promise<void> {
  const context = new AudioContext() as AudioContext & { setSinkId?: (id: string) => Promise<void> };

  try {
    if (sink !== undefined && sink !== 'default') await context.setSinkId?.(sink);
    // where there is nothing to play on it waits for ever
    await Promise.race([context.resume(), new Promise((_, late) => setTimeout(late, 2000, new Error('no sound')))]);

    const end = [523, 784].reduce((at, frequency) => {
      const tone = context.createOscillator();
      const volume = context.createGain();

      tone.frequency.value = frequency;
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(0.2, at + 0.03);
      volume.gain.linearRampToValueAtTime(0, at + 0.35);
      tone.connect(volume).connect(context.destination);
      tone.start(at);
      tone.stop(at + 0.35);
      return at + 0.3;
    }, context.currentTime);

    await new Promise((done) => setTimeout(done, (end - context.currentTime) * 1000 + 100));
  } finally {
    void context.close();
  }
}
