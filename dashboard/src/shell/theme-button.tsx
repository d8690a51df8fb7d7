// Light, dark, or what the system says; remembered in this browser.
import { type ReactNode, useEffect, useState } from 'react';

const THEMES = ['system', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];
const SIGNS: Readonly<Record<Theme, string>> = { system: '◐', light: '☀', dark: '☾' };
const KEY = 'tulle-theme';

export function ThemeButton(): ReactNode {
  const [theme, setTheme] = useState<Theme>(() => THEMES.find((one) => one === localStorage.getItem(KEY)) ?? 'system');
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme;
    localStorage.setItem(KEY, theme);
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
  const label = `colours: ${theme}; change to ${next}`;
  return (
    <button type="button" className="theme" title={label} aria-label={label} onClick={() => setTheme(next)}>
      {SIGNS[theme]}
    </button>
  );
}
