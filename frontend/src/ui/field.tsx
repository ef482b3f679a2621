import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { type Limits, problem } from "../limits";

interface FieldProps {
  label: ComponentChildren;
  value: string;
  onInput: (value: string) => void;
  unit?: string;
  limits?: Limits; // of a number
  trouble?: string | undefined; // what else is wrong with it, in one sentence
  hint?: ComponentChildren;
  placeholder?: string;
  name?: string;
  id?: string;
  disabled?: boolean;
  text?: boolean; // words, not a number
  children?: ComponentChildren; // beside the input in its box, as the choice of a unit
  wide?: boolean;
}

/** An input with its name, unit and limits: what is wrong is said beneath as it is typed. */
export function Field(props: FieldProps) {
  const own = useId();
  const id = props.id ?? own;
  const wrong = (props.limits && props.value.trim() !== "" ? problem(props.value, props.limits) : "") || props.trouble || "";
  const said = wrong || props.hint;
  return (
    <div class={props.wide ? "field whole" : "field"}>
      <label for={id}>{props.label}</label>
      <div class="box">
        <input
          id={id}
          name={props.name}
          value={props.value}
          placeholder={props.placeholder}
          disabled={props.disabled}
          required={props.limits?.required}
          inputMode={props.text ? "text" : "decimal"}
          aria-invalid={wrong ? "true" : undefined}
          aria-describedby={said ? `${id}-said` : undefined}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => props.onInput(event.currentTarget.value)}
        />
        {props.unit && <span class="unit">{props.unit}</span>}
        {props.children}
      </div>
      {said && (
        <span id={`${id}-said`} class={wrong ? "problem" : "hint"}>
          {said}
        </span>
      )}
    </div>
  );
}

interface SelectProps<T extends string> {
  label: string;
  value: T;
  options: readonly (T | { value: T; text: string })[];
  onChange: (value: T) => void;
  bare?: boolean; // no visible label
  id?: string;
  disabled?: boolean;
}

/** One of many. */
export function Select<T extends string>({ label, value, options, onChange, bare = false, id, disabled = false }: SelectProps<T>) {
  const own = useId();
  const input = (
    <select
      id={id ?? own}
      aria-label={bare ? label : undefined}
      value={value}
      disabled={disabled}
      onChange={(event) => onChange(event.currentTarget.value as T)}
    >
      {options.map((option) => {
        const one = typeof option === "string" ? { value: option, text: option } : option;
        return (
          <option key={one.value} value={one.value}>
            {one.text}
          </option>
        );
      })}
    </select>
  );
  if (bare) return input;
  return (
    <div class="field">
      <label for={id ?? own}>{label}</label>
      {input}
    </div>
  );
}
