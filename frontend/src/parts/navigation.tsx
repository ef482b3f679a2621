import { PAGES, type PageName, href, place, TITLES } from "../routes";
import { pending, version } from "../store";
import { Icon } from "../ui/icons";

/** What waits for the person on a page, as a number beside its name. */
function waiting(page: PageName): number {
  return page === "bots" ? pending.value.length : 0;
}

export function Navigation() {
  const { page } = place.value;
  return (
    <nav class="nav" aria-label="Pages">
      <div class="brand">
        <Icon name="quorum_mark" />
        <span class="name">Quorum</span>
      </div>
      <ul>
        {PAGES.map((name) => (
          <li key={name}>
            <a href={href(name)} aria-current={name === page ? "page" : undefined}>
              <Icon name={name} />
              {TITLES[name]}
              {waiting(name) > 0 && (
                <span class="count">
                  {waiting(name)}
                  <span class="hidden"> waiting</span>
                </span>
              )}
            </a>
          </li>
        ))}
      </ul>
      <p class="foot">Version {version.value}</p>
    </nav>
  );
}
