import { render } from "preact";
import { App } from "./app";
import { connection } from "./store";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/controls.css";
import "./styles/panels.css";
import "./styles/table.css";
import "./styles/desk.css";
import "./styles/chart.css";
import "./styles/results.css";

const root = document.getElementById("app");
if (root) render(<App />, root);
connection.open();
