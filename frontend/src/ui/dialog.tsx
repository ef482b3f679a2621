import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface DialogProps {
  title: string;
  confirm: string; // what the button that does it says
  tone?: "primary" | "buy" | "sell";
  ready?: boolean; // whether it may be confirmed
  onConfirm: () => void;
  onCancel: () => void;
  children: ComponentChildren;
}

/** Asks before something is done; Escape and Cancel change nothing. Shown as long as it is rendered. */
export function Dialog({ title, confirm, tone = "primary", ready = true, onConfirm, onCancel, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onCancel={onCancel}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) onConfirm();
        }}
      >
        <h2 id="dialog-title">{title}</h2>
        {children}
        <div class="actions">
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
          <button type="submit" class={tone} disabled={!ready}>
            {confirm}
          </button>
        </div>
      </form>
    </dialog>
  );
}
