import json

import grow
from operations import SkyAPI


@grow.on("walk.planned")
def advise(ctx: grow.Context, walk: dict):
    sky = SkyAPI(ctx)
    celsius = sky.weather_now(city=walk["city"])["celsius"]
    with sky.weather_watch_stream(city=walk["city"]) as watched:
        coldest = min(json.loads(line)["celsius"] for line in watched.read().splitlines())
    report = sky.weather_report(city=walk["city"], celsius=celsius)
    return grow.Output("walk.advised", {"coat": coldest < 15, "report": report["number"]})
