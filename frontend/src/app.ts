/** What every page can do. Each module looks for its own attributes; none knows of another. */

import "htmx.org";

import { startClocks } from "./ui/clock";
import { startConfirm } from "./ui/confirm";
import { startCopy } from "./ui/copy";
import { startDialogs } from "./ui/dialogs";
import { startDrops } from "./ui/drop";
import { startForms } from "./ui/forms";
import { startMenus } from "./ui/menus";
import { startNet } from "./ui/net";
import { startPrint } from "./ui/print";
import { startSignOut } from "./ui/signout";
import { startTabs } from "./ui/tabs";
import { startTheme } from "./ui/theme";
import { startViews } from "./ui/views";

startTheme();
startConfirm(); // before startForms: a question comes first, the busy button after the answer
startForms();
startNet();
startDialogs();
startMenus();
startCopy();
startDrops();
startClocks();
startPrint();
startTabs();
startViews();
startSignOut();
