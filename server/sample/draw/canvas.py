"""The drawing surface: palette, backdrop, light and shadow. Knows nothing of any one object."""

PALETTE = {
    "oat": "#E6DAC6", "cream": "#F6EFE2", "white": "#FBF9F5", "sand": "#D8C4A2", "clay": "#C67A58",
    "terracotta": "#B9623F", "rust": "#9C4B31", "ochre": "#D6A044", "mustard": "#C8922F",
    "moss": "#717C4C", "sage": "#9CAA87", "forest": "#36523F", "sea": "#5D8A8A", "slate": "#586874",
    "navy": "#2E3E5A", "ink": "#262A33", "charcoal": "#3D3F44", "plum": "#6D4257", "rose": "#D7A29B",
    "blush": "#E9C9BD", "sky": "#A8C3D0", "brass": "#C9A552", "steel": "#BBC3C8", "oak": "#C99D6A",
    "walnut": "#7C5439", "ash": "#DFC7A1", "beech": "#DDBA8D", "black": "#2B2B2D", "paper": "#FAF6EC",
    "natural": "#E7DAC0", "tan": "#B57F4E", "cognac": "#9A5B34", "stone": "#B9B3A8", "red": "#B5443A",
    "blue": "#44678E", "grey": "#9B9FA3", "olive": "#6A6B43", "wheat": "#DDBF87", "fog": "#CBD0D0",
    "indigo": "#37476B", "cork": "#C59A6B", "glass": "#CFE0DD",
}

# Wall and floor of each backdrop.
BACKDROPS = {
    "linen": ("#F1EBE1", "#E4D9C8"), "mist": ("#E6ECEA", "#D2DDDB"), "blush": ("#F5E6DF", "#EAD3C8"),
    "sage": ("#E8ECDF", "#D5DDC8"), "sky": ("#E3EBF0", "#CFDCE5"), "butter": ("#F7EED7", "#ECDFBD"),
    "stone": ("#ECEAE6", "#DCD8D2"), "peach": ("#F8E7D6", "#EED3B9"),
}


def mix(a, b, t):
    """Colour `t` of the way from `a` to `b`."""
    one = [int(a[i:i + 2], 16) for i in (1, 3, 5)]
    two = [int(b[i:i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(x + (y - x) * t):02X}" for x, y in zip(one, two))


def dark(c, t=0.2):
    return mix(c, "#1E1A20", t)


def light(c, t=0.25):
    return mix(c, "#FFFFFF", t)


def col(name):
    return PALETTE.get(name, name)


def n(v):
    """A coordinate as text; whole numbers are fine enough on a canvas of 800."""
    return str(round(v))


def smooth(points):
    """Cubic pieces of a Catmull-Rom curve through `points`; a repeated point makes a corner."""
    out = []
    for i in range(len(points) - 1):
        p0 = points[max(i - 1, 0)]
        p1, p2 = points[i], points[i + 1]
        p3 = points[min(i + 2, len(points) - 1)]
        if p1 == p2:
            continue
        a = (p1[0] + (p2[0] - p0[0]) / 6, p1[1] + (p2[1] - p0[1]) / 6)
        b = (p2[0] - (p3[0] - p1[0]) / 6, p2[1] - (p3[1] - p1[1]) / 6)
        out.append("C" + " ".join(n(v) for v in (*a, *b, *p2)))
    return "".join(out)


def blob(points):
    """A closed smooth shape through `points`."""
    q = [points[-1], *points, points[0], points[1]]
    out = [f"M{n(points[0][0])} {n(points[0][1])}"]
    for i in range(1, len(q) - 2):
        p0, p1, p2, p3 = q[i - 1], q[i], q[i + 1], q[i + 2]
        a = (p1[0] + (p2[0] - p0[0]) / 6, p1[1] + (p2[1] - p0[1]) / 6)
        b = (p2[0] - (p3[0] - p1[0]) / 6, p2[1] - (p3[1] - p1[1]) / 6)
        out.append("C" + " ".join(n(v) for v in (*a, *b, *p2)))
    return "".join(out) + "Z"


class Canvas:
    """Collects SVG elements on a backdrop of 800 by 1000."""

    def __init__(self, backdrop, floor=None, width=800):
        self.wall, self.ground = BACKDROPS[backdrop]
        self.floor = floor
        self.width = width
        self.body = []
        self.defs = set()
        self.gradients = {}
        self.clips = 0

    def add(self, text):
        self.body.append(text)

    def path(self, d, fill, extra=""):
        self.add(f'<path d="{d}" fill="{fill}"{extra}/>')

    def line(self, d, stroke, width, extra=""):
        self.add(f'<path d="{d}" fill="none" stroke="{stroke}" stroke-width="{n(width)}" '
                 f'stroke-linecap="round" stroke-linejoin="round"{extra}/>')

    def rect(self, x, y, w, h, fill, r=0, extra=""):
        radius = f' rx="{n(r)}"' if r else ""
        self.add(f'<rect x="{n(x)}" y="{n(y)}" width="{n(w)}" height="{n(h)}"{radius} fill="{fill}"{extra}/>')

    def ell(self, cx, cy, rx, ry, fill, extra=""):
        self.add(f'<ellipse cx="{n(cx)}" cy="{n(cy)}" rx="{n(rx)}" ry="{n(ry)}" fill="{fill}"{extra}/>')

    def solid(self, d, c, light_from="h"):
        """A shape with volume: its colour and then light from the left (`h`) or above (`v`)."""
        self.path(d, self.lit(c, light_from))

    def lit(self, c, light_from):
        """A gradient of one colour, made once per picture."""
        if not c.startswith("#"):
            return c
        name = light_from + c[1:]
        self.gradients[name] = (c, light_from)
        return f"url(#{name})"

    def box(self, x, y, w, h, c, r=0, light_from="h"):
        self.rect(x, y, w, h, self.lit(c, light_from), r)

    def ball(self, cx, cy, rx, ry, c, light_from="h"):
        self.ell(cx, cy, rx, ry, self.lit(c, light_from))

    def turned(self, cx, profile, c, tilt=0.13, inside=None, rim=None):
        """A solid of revolution from (y, radius) points; `inside` opens its top."""
        right = [(cx + r, y) for y, r in profile]
        left = [(cx - r, y) for y, r in reversed(profile)]
        (y0, r0), (y1, r1) = profile[0], profile[-1]
        (y2, r2) = profile[-2]
        # A foot that turns inward meets a flat curve without a notch; a straight one shows its ellipse.
        foot = (f"Q{n(cx)} {n(y1 + r1 * tilt * .9)} {n(cx - r1)} {n(y1)}" if r2 - r1 > (y1 - y2) * .5
                else f"A{n(r1)} {n(r1 * tilt)} 0 0 1 {n(cx - r1)} {n(y1)}")
        d = (f"M{n(cx - r0)} {n(y0)}A{n(r0)} {n(r0 * tilt)} 0 0 1 {n(cx + r0)} {n(y0)}{smooth(right)}"
             f"{foot}{smooth(left)}Z")
        self.solid(d, c)
        if inside:
            self.ell(cx, y0, r0, r0 * tilt, rim or light(c, 0.3))
            k = max(r0 - max(7, r0 * 0.055), 1)
            self.ell(cx, y0 + 1, k, k * tilt, inside)
        return d

    def ground_shadow(self, cx, cy, rx, ry=None):
        """Contact shadow and a longer soft one falling to the right."""
        self.defs.add("blur")
        ry = ry or rx * 0.16
        self.add(f'<g filter="url(#blur)"><ellipse cx="{n(cx + rx * 0.28)}" cy="{n(cy + 4)}" rx="{n(rx * 1.25)}" '
                 f'ry="{n(ry * 1.15)}" opacity=".13"/><ellipse cx="{n(cx)}" cy="{n(cy)}" rx="{n(rx)}" '
                 f'ry="{n(ry * 0.7)}" opacity=".24"/></g>')

    def drop(self, d, dx=14, dy=20, opacity=0.2):
        """The shadow of a thing lying flat or hanging close to the wall."""
        self.defs.add("blur")
        self.add(f'<path d="{d}" transform="translate({dx} {dy})" filter="url(#blur)" opacity="{opacity}"/>')

    def clip(self, d, draw):
        """Runs `draw` with everything cut to the shape `d`."""
        self.clips += 1
        name = f"c{self.clips}"
        self.add(f'<clipPath id="{name}"><path d="{d}"/></clipPath><g clip-path="url(#{name})">')
        draw()
        self.add("</g>")

    def group(self, transform, draw):
        self.add(f'<g transform="{transform}">')
        draw()
        self.add("</g>")

    def svg(self, title):
        defs = {
            "glow": '<radialGradient id="glow"><stop offset="0" stop-color="#FFE9B0" stop-opacity=".95"/>'
                    '<stop offset="1" stop-color="#FFE9B0" stop-opacity="0"/></radialGradient>',
            "blur": '<filter id="blur" x="-40%" y="-60%" width="180%" height="220%"><feGaussianBlur stdDeviation="14"/></filter>',
        }
        used = "".join(defs[k] for k in sorted(self.defs))
        for name, (c, light_from) in sorted(self.gradients.items()):
            if light_from == "h":
                stops = ((0, light(c, .06)), (.2, light(c, .2)), (.52, c), (1, dark(c, .24)))
                axis = ""
            else:
                stops = ((0, light(c, .16)), (.5, c), (1, dark(c, .14)))
                axis = ' x2="0" y2="1"'
            used += f'<linearGradient id="{name}"{axis}>' + "".join(
                f'<stop offset="{at}" stop-color="{shade}"/>' for at, shade in stops) + "</linearGradient>"
        out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} 1000" width="{self.width}" height="1000" role="img"><title>{title}</title>',
               '<defs><linearGradient id="w" x2=".3" y2="1"><stop offset="0" stop-color="#fff" stop-opacity=".55"/>'
               '<stop offset=".7" stop-color="#fff" stop-opacity="0"/></linearGradient>' + used + "</defs>",
               f'<path d="M0 0h{self.width}v1000H0z" fill="{self.wall}"/>']
        if self.floor:
            out.append(f'<path d="M0 {self.floor}h{self.width}V1000H0z" fill="{self.ground}"/>')
            out.append(f'<path d="M0 0h{self.width}v{self.floor}H0z" fill="url(#w)"/>')
        else:
            out.append('<path d="M0 0h800v1000H0z" fill="url(#w)"/>')
        return "".join(out) + "".join(self.body) + "</svg>\n"
