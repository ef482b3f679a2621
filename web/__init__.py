"""The hub's edge: HTTP and WebSocket sessions, wire format, access rules."""
