/** Line icons, drawn on 24 × 24; they only repeat what a text beside them says. */

const PATHS = {
  desk: "M4 19V9m5 10V5m5 14v-8m5 8V7",
  quorum: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm8 0a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM3 19c0-2.8 2.2-5 5-5s5 2.2 5 5m1.500-4.600c.5-.3 1-.4 1.500-.4 2.800 0 5 2.200 5 5",
  why: "M9.200 9a2.900 2.900 0 1 1 4 2.700c-.800.400-1.200 1-1.200 1.800v.500m0 3.500v.010M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z",
  bots: "M12 3v4m-6 0h12a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V9c0-1.100.900-2 2-2Zm3 5v2m6-2v2M1.500 12v3m21-3v3",
  results: "M3 17l6-6 4 4 8-9m0 0h-5m5 0v5",
  news: "M5 4h11v16H6a2 2 0 0 1-2-2V5c0-.600.400-1 1-1Zm11 5h4v9a2 2 0 0 1-2 2M7.500 8h5m-5 4h5m-5 4h3",
  system: "M12 4v4m-5 8v-2.500A1.500 1.500 0 0 1 8.500 12h7a1.500 1.500 0 0 1 1.500 1.500V16m-5-8v4M10 2.500h4v4h-4zM5 16h4v4H5zm10 0h4v4h-4z",
  light: "M12 16.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9ZM12 2v2m0 16v2M4.900 4.900l1.400 1.400m11.400 11.400 1.400 1.400M2 12h2m16 0h2M4.900 19.100l1.400-1.400M17.700 6.300l1.400-1.400",
  dark: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500Z",
  system_theme: "M4 5h16v11H4zm5 15h6m-3-4v4",
  close: "M6 6l12 12M18 6 6 18",
  quorum_mark: "M12 3.500a8.500 8.500 0 1 0 5.800 14.700L21 21M12 8.500v3.500l2.500 2.500",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
