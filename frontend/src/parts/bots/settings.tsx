import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { idleBecause, label, limits, range, sections, text, unit, type Value, valueOf } from "../../bot_config";
import { changed, chooseScope, current, discard, draft, everywhere, fields, reset, save, saving, scope, type, wrong } from "../../bots_store";
import type { BotFieldView } from "../../messages";
import { MEANINGS } from "../../meanings";
import { base } from "../../spans";
import { operator, symbols, trusted } from "../../store";
import { Field, Select } from "../../ui/field";
import { Empty, Panel } from "../../ui/panel";
import { Switch } from "../../ui/toggle";

/** Every setting with its unit, limits and what it differs from; nothing is sent before it is saved. */
export function BotSettings({ wanted = "" }: { wanted?: string }) {
  const [find, setFind] = useState(wanted);
  const [onlyOther, setOnlyOther] = useState(false);
  useEffect(() => setFind(wanted), [wanted]);
  const known = current.value;
  const groups = sections(fields.value, find, MEANINGS)
    .map((section) => ({ ...section, fields: section.fields.filter((field) => !onlyOther || isOther(field)) }))
    .filter((section) => section.fields.length > 0);
  return (
    <Panel
      title={scope.value ? `Settings of ${scope.value}` : "Settings of all pairs"}
      id="bot-settings"
      aside={<Scope />}
    >
      <div class="find">
        <input
          type="search"
          aria-label="Find a setting"
          placeholder="Find a setting"
          value={find}
          onInput={(event) => setFind(event.currentTarget.value)}
        />
        <Switch label="Only what differs" on={onlyOther} onChange={setOnlyOther} />
      </div>
      {!known ? (
        <Empty>Loading …</Empty>
      ) : groups.length === 0 ? (
        <Empty>{onlyOther ? "Nothing differs." : "No setting is called that."}</Empty>
      ) : (
        <div class="groups">
          {groups.map((section) => (
            <fieldset key={section.title}>
              <legend>{section.title}</legend>
              {section.fields.map((field) => (
                <Setting key={field.key} field={field} />
              ))}
            </fieldset>
          ))}
        </div>
      )}
      {operator.value && <SaveBar />}
    </Panel>
  );
}

function Scope() {
  return (
    <Select
      bare
      label="Settings of"
      id="settings-scope"
      value={scope.value}
      options={[{ value: "", text: "All pairs" }, ...symbols.value.map((one) => ({ value: one, text: base(one) }))]}
      onChange={chooseScope}
    />
  );
}

interface Other {
  name: string; // where another value stands
  value: Value;
}

/** Where a setting has another value than here: in settings.yaml, or for all pairs. */
function others(field: BotFieldView): Other[] {
  const known = current.value;
  const here = known && valueOf(known.config, field.key);
  if (!known || here === undefined) return [];
  const places: [string, Value | undefined][] = scope.value
    ? [
        ["all pairs", everywhere.value && valueOf(everywhere.value.config, field.key)],
        ["settings.yaml", valueOf(known.base, field.key)],
      ]
    : [
        ["settings.yaml", valueOf(known.base, field.key)],
        ["built in", field.default],
      ];
  return places.flatMap(([name, value]) => (value !== undefined && value !== here ? [{ name, value }] : []));
}

function isOther(field: BotFieldView): boolean {
  return others(field).length > 0 || (current.value?.changed.includes(field.key) ?? false);
}

function Setting({ field }: { field: BotFieldView }) {
  const known = current.value;
  const inForce = known && valueOf(known.config, field.key);
  const touched = field.key in changed.value;
  const overridden = known?.changed.includes(field.key) ?? false;
  const idle = known ? idleBecause(field.key, known.config) : "";
  const different = others(field);
  return (
    <div
      class={`setting ${touched ? "touched" : ""} ${different.length > 0 ? "other" : ""} ${idle ? "idle" : ""}`}
      data-key={field.key}
    >
      <Input field={field} inForce={inForce} hint={<Hint field={field} idle={idle} different={different} />} />
      <p class="said-of">
        {touched && <span class="was">now {text(inForce)}</span>}
        {overridden && operator.value && (
          <button type="button" class="plain more" title="Forget what was changed here" disabled={saving.value || !trusted.value} onClick={() => void reset(field.key)}>
            Set back<span class="hidden"> {label(field.key)}</span>
          </button>
        )}
      </p>
    </div>
  );
}

/** What it means, what it may be, what it is elsewhere, and whether it has an effect at all. */
function Hint({ field, idle, different }: { field: BotFieldView; idle: string; different: readonly Other[] }) {
  return (
    <>
      {MEANINGS[field.key]} {range(field) && <span class="range">{range(field)}</span>}
      {different.map((one) => (
        <span class="differs" key={one.name}>
          {one.name}: {text(one.value)}
        </span>
      ))}
      {idle && " "}
      {idle && <span class="range">no effect: {idle}</span>}
    </>
  );
}

function Input({ field, inForce, hint }: { field: BotFieldView; inForce: Value | undefined; hint: ComponentChildren }) {
  const name = label(field.key);
  const disabled = !operator.value || !trusted.value;
  const typedValue = draft.value[field.key];
  if (field.kind === "flag") {
    const on = typeof typedValue === "boolean" ? typedValue : inForce === true;
    return (
      <div class="field">
        <Switch label={name} on={on} disabled={disabled} onChange={(value) => type(field.key, value)} />
        <span class="hint">{hint}</span>
      </div>
    );
  }
  if (field.kind === "choice") {
    return (
      <div class="field">
        <Select
          label={name}
          value={String(typedValue ?? inForce ?? "")}
          options={field.choices ?? []}
          disabled={disabled}
          onChange={(value) => type(field.key, value)}
        />
        <span class="hint">{hint}</span>
      </div>
    );
  }
  return (
    <Field
      label={name}
      name={field.key}
      unit={unit(field.key)}
      value={typeof typedValue === "string" ? typedValue : text(inForce)}
      onInput={(value) => type(field.key, value)}
      limits={limits(field)}
      trouble={wrong.value[field.key]}
      disabled={disabled}
      hint={hint}
    />
  );
}

function SaveBar() {
  const keys = Object.keys(changed.value);
  const bad = Object.keys(wrong.value).length;
  if (keys.length === 0) return null;
  return (
    <div class="save-bar" role="region" aria-label="Unsaved changes">
      <span>
        <b>{keys.length}</b> {keys.length === 1 ? "change" : "changes"} for {scope.value || "all pairs"}
        {bad > 0 && <span class="problem">, {bad} not possible</span>}
      </span>
      <span class="in-row">
        <button type="button" onClick={discard}>
          Discard
        </button>
        <button type="button" class="primary" id="save-settings" disabled={bad > 0 || saving.value || !trusted.value} onClick={() => void save()}>
          Save
        </button>
      </span>
    </div>
  );
}
