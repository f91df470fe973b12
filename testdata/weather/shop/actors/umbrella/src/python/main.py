import grow
from operations import SkyAPI


@grow.on("walk.planned")
def advise(ctx: grow.Context, walk: dict):
    sky = SkyAPI(ctx)
    celsius = sky.weather_now(city=walk["city"])["celsius"]
    report = sky.weather_report(city=walk["city"], celsius=celsius)
    return grow.Output("walk.advised", {"coat": celsius < 15, "report": report["number"]})
