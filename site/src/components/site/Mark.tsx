export function Mark({ className = 'size-9' }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={className} aria-hidden="true">
      <path
        className="fill-accent"
        d="M16 2C7.700 2 2 7.200 2 14.200c0 4.200 2 7.700 5.300 9.900L6 30l6.800-3.800c1 .2 2.100.3 3.200.3 8.300 0 14-5.200 14-12.300S24.300 2 16 2Z"
      />
      <g className="fill-on-accent stroke-on-accent">
        <circle cx="11" cy="13.500" r="2.300" stroke="none" />
        <circle cx="21" cy="13.500" r="2.300" stroke="none" />
        <path d="M11 18.500c2.600 2.700 7.400 2.700 10 0" fill="none" strokeWidth="2.400" strokeLinecap="round" />
      </g>
    </svg>
  );
}
