"""Things for a desk."""

import math

from .canvas import col, dark, light, mix, n


def desk_lamp(p, c="sea"):
    c = col(c)
    p.defs.add("glow")
    p.path("M500 396L640 470L700 790H330Z", "#FFE9B0", ' opacity=".4"')
    p.ground_shadow(290, 796, 130)
    p.turned(280, [(756, 116), (770, 128), (796, 126)], c, .16)
    p.ell(280, 756, 116, 18, light(c, .2))
    p.line("M280 750L220 500L460 300", col("brass"), 16)
    p.line("M276 750L216 500L456 296", light(col("brass"), .5), 4)
    p.ball(220, 500, 22, 22, dark(col("brass"), .15))
    p.ball(280, 744, 20, 20, dark(col("brass"), .15))

    def head():
        p.ell(560, 420, 112, 24, "#FFF4D2")
        p.turned(560, [(292, 34), (320, 60), (380, 104), (420, 122)], c, .16)
    p.group("rotate(28 500 340) translate(-44 -26)", head)
    p.ball(456, 302, 20, 20, dark(col("brass"), .15))


def pen(p, c="brass"):
    c = col(c)

    def draw():
        d = "M372 220C372 190 428 190 428 220V700L404 800H396L372 700Z"
        p.drop(d, 20, 16)
        p.solid("M372 220C372 190 428 190 428 220V700H372Z", c)
        p.solid("M372 700H428L406 790H394Z", dark(c, .12))
        p.path("M395 788H405L401 806H399Z", col("charcoal"))
        p.rect(372, 500, 56, 8, dark(c, .3))
        p.rect(372, 690, 56, 7, dark(c, .3))
        p.box(392, 160, 16, 40, dark(c, .1), 6)
        p.box(424, 216, 16, 180, light(c, .12), 8)
    p.group("rotate(34 400 500)", draw)


def fountain_pen(p, c="navy"):
    c = col(c)

    def cap():
        d = "M262 220C262 190 326 190 326 220V520H262Z"
        p.drop(d, 18, 18)
        p.solid(d, c)
        p.rect(262, 490, 64, 18, col("brass"))
        p.box(320, 230, 14, 220, col("brass"), 7)

    def draw():
        d = "M366 300C366 250 434 250 434 300V640L424 700H376L366 640Z"
        p.drop(d + "M378 700H422L402 830Z", 20, 18)
        p.solid(d, c)
        p.rect(366, 636, 68, 12, col("brass"))
        p.solid("M376 648H424L418 724H382Z", col("ink"))
        p.solid("M384 724H416C420 762 408 800 400 836C392 800 380 762 384 724Z", col("brass"))
        p.line("M400 832V770", dark(col("brass"), .6), 3)
        p.ell(400, 766, 5, 5, dark(col("brass"), .6))
    p.group("rotate(28 400 500) translate(-30 40)", cap)
    p.group("rotate(28 400 500) translate(60 -40)", draw)


def pencil_pot(p, c="blush"):
    c = col(c)
    p.ground_shadow(400, 796, 140)
    for x, a, k, top in ((340, -12, "ochre", 300), (380, -3, "sea", 250), (430, 6, "terracotta", 280), (470, 14, "charcoal", 330)):
        k = col(k)

        def draw(x=x, k=k, top=top):
            p.path(f"M{x - 15} {top + 50}L{x} {top}L{x + 15} {top + 50}Z", col("beech"))
            p.path(f"M{x - 5} {top + 16}L{x} {top}L{x + 5} {top + 16}Z", k)
            p.box(x - 15, top + 50, 30, 400, k)
            p.rect(x - 4, top + 50, 8, 400, "#fff", 0, ' opacity=".18"')
        p.group(f"rotate({a} {x} 700)", draw)
    p.turned(400, [(570, 132), (600, 134), (790, 130), (796, 126)], c, .16, inside=None)
    p.add(f'<path d="M268 570A132 21 0 0 0 532 570" fill="none" stroke="{light(c, .45)}" stroke-width="8"/>')
    p.add(f'<path d="M268 740A132 21 0 0 0 532 740" fill="none" stroke="{dark(c, .2)}" stroke-width="4"/>')


def tray(p, c="walnut"):
    c = col(c)
    d = "M190 330H610C634 330 646 342 646 366V640C646 664 634 676 610 676H190C166 676 154 664 154 640V366C154 342 166 330 190 330Z"
    p.drop(d, 18, 26)
    p.solid(d, c, "v")
    p.rect(178, 354, 444, 298, dark(c, .22), 16)
    p.rect(186, 366, 436, 286, dark(c, .1), 14)
    grain = "".join(f"M190 {400 + i * 38}C320 {390 + i * 38} 460 {412 + i * 38} 616 {398 + i * 38}" for i in range(7))
    p.line(grain, dark(c, .3), 3, ' opacity=".4"')
    p.add(f'<circle cx="300" cy="470" r="46" fill="none" stroke="{col("steel")}" stroke-width="10"/>')
    p.line("M300 516L296 600M296 580H320M296 600H326", col("brass"), 13)
    p.ball(500, 470, 62, 62, col("cream"))
    p.ell(500, 470, 50, 50, "#fff")
    p.line("M500 470V436M500 470L524 486", col("ink"), 5)
    p.box(410, 560, 170, 52, col("tan"), 8, "v")
    p.line("M420 568H570M420 604H570", light(col("tan"), .4), 2, ' stroke-dasharray="7 5"')


def laptop_stand(p, c="ash"):
    c = col(c)
    p.ground_shadow(400, 796, 250, 30)
    p.path("M250 796L330 560H372L300 796ZM500 796L430 560H472L552 796Z", dark(c, .12))
    p.path("M250 796L330 560H350L274 796ZM500 796L430 560H446L524 796Z", light(c, .1))
    p.box(286, 690, 230, 20, dark(c, .2), 6)
    p.solid("M176 566L190 548H610L624 566V590H176Z", c, "v")
    p.rect(196, 524, 408, 26, "#D5D9DB", 8)
    p.rect(196, 540, 408, 10, "#AAB1B5", 4)
    p.solid("M214 286C214 268 222 262 238 262H562C578 262 586 268 586 286V526H214Z", "#C9CED1", "v")
    p.rect(230, 280, 340, 230, "#29323D", 6)
    p.path("M230 510V430C300 380 340 450 410 410C470 374 520 400 570 360V510Z", col("sea"))
    p.path("M230 510V470C310 430 380 490 450 460C510 436 540 450 570 430V510Z", col("sage"))
    p.ell(490, 340, 26, 26, col("ochre"))


def desk_mat(p, c="grey"):
    c = col(c)
    d = "M110 360H690V680H110Z"
    p.drop(d, 14, 22)
    p.box(110, 360, 580, 320, c, 22, "v")
    p.add(f'<rect x="126" y="376" width="548" height="288" rx="14" fill="none" stroke="{light(c, .5)}" stroke-width="4" stroke-dasharray="12 9"/>')
    p.drop("M170 430H470V580H170Z", 6, 10)
    p.box(170, 430, 300, 150, "#E7E9EA", 12, "v")
    for r in range(4):
        for k in range(9):
            p.rect(184 + k * 31, 444 + r * 32, 25, 25, "#fff" if (r, k) != (1, 8) else col("clay"), 5)
    p.drop("M530 430H620V580H530Z", 6, 10)
    p.ball(575, 506, 46, 72, "#F4F4F2")
    p.line("M575 450V482", "#B9BDBF", 7)
    p.rect(640, 360, 50, 70, col("tan"), 0, ' opacity="0"')
    p.box(630, 620, 44, 44, col("tan"), 6)


def scissors(p, c="black"):
    c = col(c)
    s = col("steel")

    def half(f):
        d = f"M400 560L{400 + f * 6} 130C{400 + f * 34} 200 {400 + f * 40} 420 {400 + f * 22} 580Z"
        p.solid(d, s if f > 0 else dark(s, .12))
        p.add(f'<ellipse cx="{400 - f * 78}" cy="740" rx="58" ry="96" fill="none" stroke="{c}" stroke-width="30" transform="rotate({f * 22} {400 - f * 78} 740)"/>')
        p.line(f"M{400 + f * 8} 560L{400 - f * 40} 656", c, 36)

    def draw():
        p.drop("M400 130C450 300 440 500 420 580H380C360 500 350 300 400 130Z", 18, 22, .16)
        p.group("rotate(9 400 560)", lambda: half(-1))
        p.group("rotate(-9 400 560)", lambda: half(1))
        p.ball(400, 564, 18, 18, col("brass"))
        p.line("M391 571L409 557", dark(col("brass"), .5), 3)
    p.group("rotate(18 400 500)", draw)


def bookends(p, c="terracotta"):
    c = col(c)
    p.ground_shadow(400, 796, 290, 28)
    for x, w, h, k in ((246, 44, 300, "navy"), (290, 56, 340, "oat"), (346, 38, 280, "moss"), (384, 62, 360, "ochre"), (446, 46, 310, "plum"), (492, 58, 330, "sky")):
        k = col(k)
        p.box(x, 796 - h, w, h, k, 4)
        p.rect(x + 8, 796 - h + 34, w - 16, 6, light(k, .5), 2)
        p.rect(x + 8, 796 - h + 48, w - 16, 6, light(k, .5), 2)
        p.rect(x + w / 2 - 4, 796 - h + 90, 8, 110, light(k, .45), 3, ' opacity=".8"')
    for x in (92, 550):
        p.solid(f"M{x} 796V660A79 90 0 0 1 {x + 158} 660V796H{x + 110}V672A31 40 0 0 0 {x + 48} 672V796Z", c)


def alarm_clock(p, c="cream"):
    c = col(c)
    p.ground_shadow(400, 792, 170)
    p.line("M300 730L270 790M500 730L530 790", col("brass"), 22)
    p.line("M352 400C352 350 448 350 448 400", col("brass"), 14)
    p.ball(400, 590, 196, 196, c)
    p.ell(400, 590, 164, 164, "#FDFBF6")
    ticks = "".join(f"M{n(400 + math.sin(a) * 130)} {n(590 - math.cos(a) * 130)}L{n(400 + math.sin(a) * 148)} {n(590 - math.cos(a) * 148)}"
                    for a in (math.radians(30 * i) for i in range(12)))
    p.line(ticks, col("ink"), 6)
    p.line("M400 590L462 548", col("ink"), 12)
    p.line("M400 590L372 474", col("ink"), 8)
    p.line("M400 590L330 640", col("terracotta"), 5)
    p.ell(400, 590, 11, 11, col("ink"))


def tape(p, c="charcoal"):
    c = col(c)
    p.ground_shadow(400, 786, 230, 30)
    p.ball(330, 600, 128, 128, "#E9D9A8")
    p.ell(330, 600, 78, 78, dark(c, .1))
    p.ell(330, 600, 56, 56, light(c, .1))
    p.line("M330 474C440 470 520 580 600 604", "#EFE2B8", 16)
    p.solid("M170 786C160 700 180 660 230 650C280 760 400 750 430 660C500 700 520 610 600 606L640 622C644 700 640 786 640 786Z", c, "v")
    p.path("M590 600l10 -14 8 14 10 -12 6 14 12 -8 6 16 -6 14H596Z", col("steel"))
