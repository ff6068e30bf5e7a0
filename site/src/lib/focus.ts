// What comes up by itself takes the focus only from where it came from: whoever types
// or reads elsewhere on the page goes on with that.
export function takeFocus(element: HTMLElement | null | undefined): void {
  const now = document.activeElement;
  const around = element?.closest('[role=dialog]') ?? element?.closest('[data-session]');

  if (!now || now === document.body || around?.contains(now)) element?.focus();
}
