import { render } from "preact";
import { App } from "./app";
import { connection } from "./store";
import "./style.css";

const root = document.getElementById("app");
if (root) render(<App />, root);
connection.open();
