/** What lives on a page of a workspace: runs, meters and balance follow the server without a reload. */

import { startMeters } from "./live/meter";
import { startRefresh } from "./live/refresh";
import { follow, type Frame } from "./live/socket";
import { startTitles } from "./live/titles";
import { config } from "./ui/dom";

interface RunConfig {
  workspace: string;
  socket: string;
  since: number;
  run: string | null;
  currency: string;
}

const page = config<RunConfig>("run-config");
if (page) {
  const meters = startMeters();
  const refresh = startRefresh(page.run);
  const titles = startTitles();
  follow(page.socket, page.since, {
    frame(frame: Frame): void {
      if (frame.type === "meter.ticked") meters.tick(frame.data);
      else {
        meters.moved(frame);
        refresh.moved(frame);
        titles.moved(frame);
      }
    },
    gap: refresh.all,
    online: refresh.online,
  });
}
