import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

interface DialogProps {
  title: string;
  confirm: string; // what the button that does it says
  tone?: "primary" | "buy" | "sell";
  ready?: boolean; // whether it may be confirmed
  onConfirm: () => Promise<void>;
  onCancel: () => void;
  children: ComponentChildren;
}

/** Asks before something is done; Escape and Cancel change nothing. Shown as long as it is rendered. */
export function Dialog({ title, confirm, tone = "primary", ready = true, onConfirm, onCancel, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close(); // gives the focus back to what opened it
  }, []);

  async function confirmed(): Promise<void> {
    setBusy(true); // once: what is asked for twice is done twice
    await onConfirm();
    setBusy(false);
  }
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onCancel={onCancel}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !busy) void confirmed();
        }}
      >
        <h2 id="dialog-title">{title}</h2>
        {children}
        <div class="actions">
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
          <button type="submit" class={tone} disabled={!ready || busy}>
            {confirm}
          </button>
        </div>
      </form>
    </dialog>
  );
}
