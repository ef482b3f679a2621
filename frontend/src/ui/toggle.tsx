import type { ComponentChildren } from "preact";

interface SwitchProps {
  label: string;
  on: boolean;
  disabled?: boolean;
  id?: string;
  onChange: (on: boolean) => void;
  bare?: boolean; // the label is for screen readers only
}

/** On or off, at once. */
export function Switch({ label, on, disabled = false, id, onChange, bare = false }: SwitchProps) {
  return (
    <button type="button" role="switch" class="switch" id={id} aria-checked={on} disabled={disabled} onClick={() => onChange(!on)}>
      <span class="track" aria-hidden="true" />
      <span class={bare ? "hidden" : ""}>{label}</span>
    </button>
  );
}

interface ChoicesProps<T extends string> {
  label: string;
  options: readonly (T | { value: T; text: ComponentChildren })[];
  value: T;
  onChange: (value: T) => void;
}

/** One of a few. */
export function Choices<T extends string>({ label, options, value, onChange }: ChoicesProps<T>) {
  return (
    <div class="choices" role="group" aria-label={label}>
      {options.map((option) => {
        const one = typeof option === "string" ? { value: option, text: option } : option;
        return (
          <button key={one.value} type="button" aria-pressed={one.value === value} onClick={() => onChange(one.value)}>
            {one.text}
          </button>
        );
      })}
    </div>
  );
}

/** Any of a few. */
export function Toggles<T extends string>({ label, options, chosen, onChange }: {
  label: string;
  options: readonly T[];
  chosen: readonly T[];
  onChange: (chosen: T[]) => void;
}) {
  const toggle = (one: T) => onChange(chosen.includes(one) ? chosen.filter((other) => other !== one) : [...chosen, one]);
  return (
    <div class="choices" role="group" aria-label={label}>
      {options.map((one) => (
        <button key={one} type="button" aria-pressed={chosen.includes(one)} onClick={() => toggle(one)}>
          {one}
        </button>
      ))}
    </div>
  );
}
