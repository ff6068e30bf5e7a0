// After a reload, or back from elsewhere, the browser puts in again what was
// typed, and says so to nobody: the sums beside it must be those of that.

addEventListener('pageshow', () => {
  const [how] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];

  if (how?.type === 'navigate') return;
  for (const sum of document.querySelectorAll('[data-prices]')) {
    sum.dispatchEvent(new Event('input', { bubbles: true }));
  }
});
