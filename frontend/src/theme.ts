/** Light, dark, or as the machine says: kept in this browser. */

import { computed, effect, signal } from "@preact/signals";
import { keep, kept } from "./kept";

export type Theme = "auto" | "light" | "dark";

const KEY = "quorum.theme";
const THEMES: readonly Theme[] = ["auto", "light", "dark"];
const darkMachine = window.matchMedia("(prefers-color-scheme: dark)");

const before = kept<Theme>(KEY, "auto");
export const theme = signal<Theme>(THEMES.includes(before) ? before : "auto");
const machine = signal(darkMachine.matches);
darkMachine.addEventListener("change", (event) => (machine.value = event.matches));

export const dark = computed(() => (theme.value === "auto" ? machine.value : theme.value === "dark"));

effect(() => {
  const root = document.documentElement;
  if (theme.value === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme.value;
  keep(KEY, theme.value);
});

const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };

export function nextTheme(): void {
  theme.value = NEXT[theme.value];
}

/** Return the colour of a token as a canvas can use it. */
export function colour(token: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
