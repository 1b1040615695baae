"""Things for the rooms of a house."""

import math

from .canvas import blob, col, dark, light, mix, n


def table_lamp(p, c="ochre"):
    c = col(c)
    p.defs.add("glow")
    p.add('<ellipse cx="400" cy="560" rx="330" ry="300" fill="url(#glow)" opacity=".75"/>')
    p.ground_shadow(400, 792, 120)
    p.turned(400, [(560, 18), (700, 18), (740, 30), (764, 110), (792, 118)], col("brass"), .14)
    p.ell(400, 556, 196, 26, "#FFF2CC")
    p.turned(400, [(330, 60), (350, 100), (440, 170), (530, 208), (560, 214)], c, .12)
    p.ell(400, 330, 60, 8, light(c, .2))
    p.ball(400, 318, 16, 16, col("brass"))
    p.add(f'<path d="M186 560A214 26 0 0 0 614 560" fill="none" stroke="{light(c, .35)}" stroke-width="6"/>')


def pendant(p, c="forest"):
    c = col(c)
    p.defs.add("glow")
    p.add('<ellipse cx="400" cy="700" rx="360" ry="260" fill="url(#glow)" opacity=".8"/>')
    p.line("M400 0V300", dark(c, .4), 7)
    p.turned(400, [(296, 20), (340, 24), (352, 34)], col("brass"), .2)
    p.ell(400, 640, 222, 30, "#FFF3D0")
    p.ball(400, 640, 54, 46, "#FFFBEA")
    p.turned(400, [(350, 44), (390, 64), (470, 90), (560, 190), (640, 236), (646, 238)], c, .12)
    p.add(f'<path d="M162 646A238 31 0 0 0 638 646" fill="none" stroke="{light(c, .4)}" stroke-width="7"/>')


def chair(p, c="clay"):
    c, w = col(c), col("walnut")
    p.ground_shadow(400, 826, 250, 30)
    p.line("M256 600L214 820M560 600L604 820", dark(w, .2), 24)
    p.line("M300 640L290 836M520 640L530 836", w, 24)
    back = "M262 280C270 236 300 222 400 222C500 222 530 236 538 280L566 590H234Z"
    p.solid(back, c, "v")
    p.line("M330 240C322 340 318 480 318 580M470 240C478 340 482 480 482 580", dark(c, .16), 5, ' opacity=".7"')
    seat = "M226 570C226 546 246 538 280 538H520C554 538 574 546 574 570L586 640C588 668 572 676 548 676H252C228 676 212 668 214 640Z"
    p.solid(seat, light(c, .06), "v")
    p.line("M220 628C330 646 470 646 580 628", dark(c, .2), 5, ' opacity=".6"')
    for x, f in ((196, 1), (604, -1)):
        p.line(f"M{x} 500C{x + 10 * f} 480 {x + 40 * f} 474 {x + 66 * f} 480", w, 30)
        p.line(f"M{x + 4 * f} 500L{x + 20 * f} 690", w, 22)


def stool(p, c="ash"):
    c = col(c)
    p.ground_shadow(400, 836, 210, 26)
    p.line("M400 520L404 780", dark(c, .3), 30)
    p.line("M300 520L226 836M500 520L574 836", dark(c, .06), 32)
    p.line("M294 524L222 830M494 524L566 830", light(c, .3), 7)
    p.line("M262 690H536", dark(c, .16), 20)
    p.turned(400, [(480, 206), (486, 214), (520, 212), (532, 196)], c, .18)
    p.ell(400, 482, 208, 38, light(c, .22))
    p.add(f'<g fill="none" stroke="{dark(c, .16)}" stroke-width="3" opacity=".7"><ellipse cx="400" cy="482" rx="150" ry="26"/>'
          f'<ellipse cx="404" cy="482" rx="94" ry="16"/><ellipse cx="408" cy="482" rx="40" ry="7"/></g>')


def sprig(p, x, y, angle, c, leaves=7, size=46):
    """A stem with paired leaves, growing up from (x, y)."""
    c = col(c)

    def draw():
        p.line(f"M{x} {y}C{x + 8} {y - 120} {x - 10} {y - 220} {x} {n(y - leaves * 48)}", dark(c, .15), 6)
        for f in (-1, 1):
            d = ""
            for i in range(leaves):
                yy, s = y - 66 - i * 42, size * (1 - i * .07)
                d += (f"M{x} {yy}c{n(f * s * .4)} {n(-s * .7)} {n(f * s * 1.3)} {n(-s * .7)} {n(f * s * 1.7)} {n(-s * .5)}"
                      f"c{n(-f * s * .4)} {n(s * .6)} {n(-f * s * 1.2)} {n(s * .7)} {n(-f * s * 1.7)} {n(s * .5)}Z")
            p.path(d, c if f < 0 else dark(c, .1))
    p.group(f"rotate({angle} {x} {y})", draw)


def vase(p, c="clay", stems=True):
    c = col(c)
    p.ground_shadow(400, 796, 120)
    if stems:
        sprig(p, 396, 500, -14, "sage", 7, 40)
        sprig(p, 404, 500, 12, "moss", 6, 38)
    p.turned(400, [(470, 54), (484, 46), (520, 50), (580, 128), (650, 158), (730, 134), (796, 92)], c, .14, inside=dark(c, .45))
    p.add(f'<path d="M246 640A158 20 0 0 0 554 640" fill="none" stroke="{light(c, .4)}" stroke-width="4" opacity=".6"/>'
          f'<path d="M252 668A152 20 0 0 0 548 668" fill="none" stroke="{light(c, .4)}" stroke-width="4" opacity=".6"/>')


def planter(p, c="terracotta"):
    c = col(c)
    p.ground_shadow(400, 800, 170)
    for a, s in ((-44, .8), (44, .8), (-24, 1), (26, 1), (0, 1.1), (-62, .55), (62, .55)):
        g = mix(col("forest"), col("sage"), abs(a) / 80)

        def leaf(s=s, g=g):
            h = 330 * s
            p.path(f"M400 580C{n(400 - 90 * s)} {n(580 - h * .45)} {n(400 - 60 * s)} {n(580 - h * .85)} 400 {n(580 - h)}C{n(400 + 60 * s)} {n(580 - h * .85)} {n(400 + 90 * s)} {n(580 - h * .45)} 400 580Z", g)
            p.line(f"M400 570L400 {n(580 - h * .9)}", light(g, .25), 4)
        p.group(f"rotate({a} 400 580)", leaf)
    body = p.turned(400, [(560, 186), (590, 186), (590, 186), (596, 172), (596, 172), (798, 131)], c, .13, inside="#4A372B")
    ribs = "".join(f"M{400 + k * 32} 600L{400 + k * 24} 812" for k in range(-5, 6))
    p.clip(body, lambda: p.line(ribs, dark(c, .28), 5, ' opacity=".4"'))


def throw(p, c="slate"):
    c = col(c)
    p.ground_shadow(400, 800, 250, 32)
    for i in range(4):
        y = 720 - i * 66
        base = mix(c, "#FFFFFF", .04 + .09 * (i % 2))
        d = f"M180 {y + 34}C178 {y + 6} 196 {y} 222 {y}H584C612 {y} 622 {y + 14} 622 {y + 36}C622 {y + 60} 610 {y + 72} 584 {y + 72}H212C190 {y + 72} 180 {y + 58} 180 {y + 34}Z"
        p.solid(d, base, "v")
        if i % 2:
            p.line(f"M196 {y + 36}H606", col("cream"), 5, ' stroke-dasharray="16 12" opacity=".75"')
    fringe = "".join(f"M{230 + k * 24} 522q{-4 if k % 2 else 5} 26 0 52" for k in range(15))
    p.path("M214 500H590V532H214Z", light(c, .12))
    p.line(fringe, light(c, .22), 7)


def cushion(p, c="cream"):
    c = col(c)
    p.ground_shadow(400, 790, 230, 30)
    d = "M196 356C180 330 200 312 228 322C340 344 460 344 572 322C600 312 620 330 604 356C584 480 584 620 606 746C614 776 594 796 566 786C460 766 340 766 234 786C206 796 186 776 194 746C216 620 216 480 196 356Z"
    p.solid(d, c, "h")
    loops = "".join(f"M{230 + (i % 9) * 40 + (i // 9 % 2) * 20} {376 + (i // 9) * 44}q12 -14 22 2" for i in range(81))
    p.clip(d, lambda: p.line(loops, dark(c, .2), 5, ' opacity=".4"'))
    p.line("M208 352C240 470 240 630 206 756", light(c, .5), 5, ' opacity=".7"')


def candle(p, c="wheat"):
    c = col(c)
    p.defs.add("glow")
    p.add('<circle cx="400" cy="410" r="220" fill="url(#glow)"/>')
    p.ground_shadow(400, 796, 130)
    p.turned(400, [(560, 138), (600, 140), (780, 138), (796, 126)], c, .15, inside=light(c, .55))
    p.ell(400, 564, 116, 16, "#FBF1D8")
    p.line("M400 562C402 540 396 520 400 500", col("ink"), 6)
    p.path("M400 380C436 440 436 476 424 496C414 512 386 512 376 496C364 476 368 440 400 380Z", "#F3B04B")
    p.path("M400 430C418 460 416 486 408 498H392C384 486 384 460 400 430Z", "#FFF0C2")
    p.rect(322, 640, 156, 104, col("paper"), 4)
    p.line("M352 672H448M364 694H436M380 716H420", col("charcoal"), 4, ' opacity=".7"')


def clock(p, c="cream", hand="terracotta"):
    c = col(c)
    p.drop("M160 480a240 240 0 1 0 480 0a240 240 0 1 0-480 0Z", 20, 30)
    p.ball(400, 480, 244, 244, col("oak"))
    p.ell(400, 480, 222, 222, c)
    ticks = []
    for i in range(12):
        a, r = math.radians(i * 30), 168 if i % 3 == 0 else 184
        ticks.append(f"M{n(400 + math.sin(a) * r)} {n(480 - math.cos(a) * r)}L{n(400 + math.sin(a) * 200)} {n(480 - math.cos(a) * 200)}")
    p.line("".join(ticks), col("ink"), 7)
    p.line("M400 480L320 408", col("ink"), 13)
    p.line("M400 480L478 356", col("ink"), 9)
    p.line("M400 520L398 320", col(hand), 4)
    p.ell(400, 480, 13, 13, col(hand))


def mirror(p, c="oak"):
    c = col(c)
    p.drop("M200 450a200 220 0 1 0 400 0a200 220 0 1 0-400 0Z", 18, 28)
    p.ball(400, 450, 214, 234, c)
    p.ell(400, 450, 192, 212, "#DCE8EA")
    glass = "M208 450a192 212 0 1 0 384 0a192 212 0 1 0-384 0Z"

    def shine():
        p.path("M200 600L480 200H560L280 660Z", "#fff", ' opacity=".5"')
        p.path("M330 690L590 320V380L390 680Z", "#fff", ' opacity=".35"')
    p.clip(glass, shine)
    p.drop("M150 690H650V730H150Z", 10, 18)
    p.box(150, 684, 500, 40, c, 6, "v")
    p.turned(556, [(610, 22), (640, 34), (684, 30)], col("sea"), .2, inside=dark(col("sea"), .4))
    sprig(p, 556, 620, 10, "moss", 3, 22)


def basket(p, c="wheat"):
    c = col(c)
    p.ground_shadow(400, 800, 200)
    p.line("M250 480C240 400 330 400 326 480M474 480C470 400 560 400 550 480", dark(c, .25), 20)
    body = p.turned(400, [(480, 186), (560, 208), (680, 214), (770, 190), (800, 168)], c, .13, inside=dark(c, .5))

    def weave():
        rows = "".join(f"M170 {520 + i * 34}C300 {556 + i * 34} 500 {556 + i * 34} 630 {520 + i * 34}" for i in range(9))
        p.line(rows, dark(c, .3), 5, ' opacity=".5"')
        p.line(rows, light(c, .35), 12, ' stroke-dasharray="2 34" opacity=".8"')
    p.clip(body, weave)
    p.add(f'<ellipse cx="400" cy="480" rx="186" ry="24" fill="none" stroke="{dark(c, .18)}" stroke-width="12"/>')
    p.solid(blob([(280, 470), (330, 420), (420, 430), (500, 424), (530, 474), (400, 500)]), col("slate"), "v")
    p.add(f'<path d="M214 480A186 24 0 0 0 586 480" fill="none" stroke="{c}" stroke-width="14"/>')
