"""Things for kitchen and table."""

from .canvas import col, dark, light, mix, n


def mug(p, c="oat", speckle=True):
    c = col(c)
    p.ground_shadow(400, 778, 190)
    p.line("M560 520C690 500 700 700 548 690", dark(c, .08), 44)
    p.line("M560 514C682 496 690 690 550 684", light(c, .12), 20)
    body = p.turned(400, [(440, 178), (470, 180), (690, 172), (760, 150), (780, 120)], c, .15,
                    inside=dark(c, .3))
    p.ell(400, 452, 150, 16, "#6B4226")
    if speckle:
        dots = [(290, 560), (330, 640), (370, 540), (440, 610), (500, 560), (480, 700), (310, 715),
                (410, 690), (530, 640), (260, 620), (350, 590), (455, 535)]
        p.add(f'<g fill="{dark(c, .45)}" opacity=".5">' + "".join(
            f'<circle cx="{x}" cy="{y}" r="{2 + i % 3}"/>' for i, (x, y) in enumerate(dots)) + "</g>")
    p.clip(body, lambda: p.path("M180 716C320 756 480 756 620 716V800H180Z", mix(c, "#B98A5E", .75), ' opacity=".9"'))


def camp_cup(p, c="cream"):
    c = col(c)
    rim = col("navy") if c != col("navy") else col("white")
    p.ground_shadow(390, 778, 180)
    p.line("M548 540C650 530 650 680 548 672", c, 24)
    p.line("M548 536C642 526 642 676 548 668", dark(c, .12), 8)
    p.turned(390, [(480, 166), (520, 164), (740, 156), (778, 146)], c, .15, inside=light(c, .2), rim=rim)
    p.ell(390, 484, 140, 17, mix(c, "#7A8A94", .35))
    dots = [(280, 600), (330, 690), (420, 570), (470, 660), (510, 590), (380, 640), (300, 735), (450, 740)]
    p.add(f'<g fill="{rim}" opacity=".75">' + "".join(
        f'<circle cx="{x}" cy="{y}" r="{3 + i % 3}"/>' for i, (x, y) in enumerate(dots)) + "</g>")


def kettle(p, c="charcoal"):
    c = col(c)
    p.ground_shadow(400, 786, 200)
    p.line("M512 690C640 690 610 500 690 452", dark(c, .1), 34)
    p.line("M512 682C628 680 600 494 690 446", light(c, .14), 10)
    p.line("M250 480C120 460 120 690 236 668", col("walnut"), 36)
    p.line("M250 474C130 456 128 676 236 660", light(col("walnut"), .2), 9)
    p.turned(390, [(452, 112), (470, 116), (640, 168), (740, 188), (770, 186), (786, 170)], c, .12)
    p.turned(390, [(430, 60), (446, 112), (458, 112)], dark(c, .15), .14)
    p.line("M360 428C360 392 420 392 420 428", dark(c, .3), 14)
    p.ball(390, 394, 24, 20, col("walnut"))


def bowl(p, c="sea"):
    c = col(c)
    p.ground_shadow(400, 776, 150)
    p.turned(400, [(560, 250), (590, 246), (680, 196), (750, 110), (752, 92), (776, 96)], c, .17,
             inside=light(c, .55))
    p.ell(400, 574, 206, 30, "#EBD9B4")
    p.ell(392, 568, 170, 20, "#F3E6C8")
    for x, y, r, f in [(330, 566, 17, "#3D4B78"), (372, 578, 15, "#4B5A8C"), (352, 556, 13, "#2F3C66"),
                       (470, 566, 18, "#B5443A"), (500, 578, 15, "#C9584B"), (438, 582, 15, "#B5443A")]:
        p.ball(x, y, r, r * .8, f)
    p.add(f'<path d="M160 606C270 656 530 656 640 606" fill="none" stroke="{light(c, .4)}" stroke-width="5" opacity=".7"/>')


def board(p, c="oak"):
    c = col(c)
    d = ("M250 330C250 300 270 290 300 290H350C372 290 376 262 372 230C366 176 434 176 428 230C424 262 428 290 450 290H500"
         "C530 290 550 300 550 330V770C550 800 530 812 500 812H300C270 812 250 800 250 770Z")
    p.drop(d, 18, 26)
    p.solid(d, c, "h")
    grain = "".join(f"M{x} 296C{x + w} 450 {x - w} 620 {x + w // 2} 808" for x, w in
                    [(280, 10), (312, 22), (346, 14), (392, 26), (430, 12), (470, 20), (510, 9)])
    p.clip(d, lambda: p.line(grain, dark(c, .25), 3, ' opacity=".45"'))
    p.ell(400, 226, 15, 15, p.wall)
    p.line("M400 226C440 150 380 120 402 60", col("natural"), 7)


def towel(p, c="natural", stripe="blue"):
    c, s = col(c), col(stripe)
    p.ground_shadow(400, 786, 230, 30)
    for i, y in enumerate((700, 620)):
        base = c if i == 0 else mix(c, s, .18)
        d = f"M190 {y + 18}C190 {y} 200 {y} 214 {y}H590C612 {y} 616 {y + 14} 616 {y + 40}C616 {y + 66} 610 {y + 82} 590 {y + 82}H206C186 {y + 82} 190 {y + 40} 190 {y + 18}Z"
        p.solid(d, base, "v")
        p.line(f"M196 {y + 28}H600M196 {y + 54}H604", dark(base, .12), 3)
        p.clip(d, lambda y=y: p.rect(500, y, 14, 90, s) or p.rect(524, y, 6, 90, s) or p.rect(470, y, 6, 90, s))
    p.line("M226 614C300 596 500 596 596 612", light(c, .5), 4)
    p.add(f'<path d="M330 606C340 560 470 560 474 606" fill="none" stroke="{col("tan")}" stroke-width="9"/>')


def carafe(p, c="glass"):
    c = col(c)
    p.ground_shadow(360, 790, 150)
    p.add('<g opacity=".86">')
    p.turned(350, [(330, 62), (360, 56), (470, 60), (540, 110), (640, 146), (740, 142), (790, 122)], c, .14, inside=light(c, .5))
    p.add("</g>")
    p.solid("M220 610C280 630 420 630 480 610C500 660 494 720 490 744C486 776 476 790 470 792A122 17 0 0 1 230 792C220 786 212 760 210 740C204 700 204 660 220 610Z", mix(c, "#6FA7B5", .45))
    p.ell(350, 612, 130, 16, mix(c, "#FFFFFF", .45))
    for x in (265, 308, 350, 392, 435):
        p.line(f"M{350 + (x - 350) * .45:.0f} 400C{350 + (x - 350) * .5:.0f} 520 {x} 560 {x} 760", "#fff", 4, ' opacity=".3"')
    p.ground_shadow(585, 800, 70)
    p.add('<g opacity=".9">')
    p.turned(585, [(650, 74), (720, 70), (802, 60)], c, .15, inside=light(c, .4))
    p.add("</g>")
    p.ell(585, 690, 66, 9, mix(c, "#6FA7B5", .5))


def cellar(p, c="cream"):
    c = col(c)
    p.ground_shadow(400, 780, 170)
    p.turned(400, [(570, 160), (590, 172), (690, 176), (760, 160), (780, 140)], c, .15, inside=dark(c, .1))
    p.turned(400, [(520, 150), (528, 170), (568, 172), (574, 166)], col("oak"), .15)
    p.ell(400, 520, 150, 22, light(col("oak"), .18))
    p.add(f'<ellipse cx="400" cy="520" rx="104" ry="14" fill="none" stroke="{dark(col("oak"), .18)}" stroke-width="3"/>'
          f'<ellipse cx="400" cy="520" rx="56" ry="7" fill="none" stroke="{dark(col("oak"), .18)}" stroke-width="3"/>')
    p.turned(400, [(484, 20), (500, 22), (518, 14)], dark(col("oak"), .15), .3)
    p.add(f'<text x="400" y="690" font-family="Georgia,serif" font-size="54" font-style="italic" text-anchor="middle" fill="{dark(c, .6)}">sel</text>')


def knife(p, c="walnut"):
    c = col(c)

    def draw():
        blade = "M370 150C420 220 470 380 470 600H372Z"
        p.drop(blade + "M366 600H446V840H366Z", 18, 22)
        p.solid(blade, col("steel"))
        p.path("M372 600V300C410 380 440 480 452 600Z", "#fff", ' opacity=".3"')
        p.rect(368, 596, 84, 26, col("brass"), 3)
        h = "M368 622H452C446 690 450 760 456 812C458 842 444 856 414 856C382 856 366 846 368 812Z"
        p.solid(h, c)
        for y in (670, 738, 806):
            p.ell(410, y, 9, 9, col("brass"))
    p.group("rotate(24 400 500)", draw)


def pot(p, c="forest"):
    c = col(c)
    p.ground_shadow(400, 786, 230)
    for x, f in ((176, 1), (624, -1)):
        p.line(f"M{x + 8 * f} 590C{x - 66 * f} 580 {x - 60 * f} 664 {x + 10 * f} 650", dark(c, .12), 26)
    p.turned(400, [(560, 226), (580, 226), (740, 218), (776, 190), (786, 170)], c, .12, inside=dark(c, .4))
    p.turned(400, [(506, 60), (512, 130), (540, 214), (562, 236), (572, 232)], light(c, .06), .13)
    p.turned(400, [(470, 34), (484, 38), (506, 18), (512, 22)], col("brass"), .3)
    p.line("M250 590C300 604 380 608 420 606", light(c, .35), 6, ' opacity=".5"')


def spoons(p, c="beech"):
    for x, a, t, s in ((270, -10, c, 1), (400, 0, "oak", 1.06), (530, 10, "walnut", .97)):
        w = col(t)

        def draw(x=x, w=w, s=s):
            y = 500 - 300 * s
            d = (f"M{x} {n(y)}C{x + 62} {n(y)} {x + 70} {n(y + 150)} {x + 22} {n(y + 196)}C{x + 16} {n(y + 330)} {x + 18} {n(y + 480)} {x + 20} {n(y + 590)}"
                 f"C{x + 20} {n(y + 616)} {x - 20} {n(y + 616)} {x - 20} {n(y + 590)}C{x - 18} {n(y + 480)} {x - 16} {n(y + 330)} {x - 22} {n(y + 196)}C{x - 70} {n(y + 150)} {x - 62} {n(y)} {x} {n(y)}Z")
            p.drop(d)
            p.solid(d, w)
            if x != 400:
                p.ell(x, y + 92, 36, 64, dark(w, .16))
                p.ell(x + 5, y + 98, 28, 52, dark(w, .08))
            else:
                for k in (-16, 16):
                    p.rect(x + k - 5, y + 40, 10, 110, p.wall, 5)
        p.group(f"rotate({a} 400 980)", draw)


def mill(p, c="walnut"):
    c = col(c)
    p.ground_shadow(400, 790, 100)
    p.turned(400, [(470, 62), (520, 50), (600, 52), (690, 84), (740, 96), (792, 96)], c, .14)
    p.turned(400, [(310, 30), (330, 62), (370, 74), (420, 66), (450, 46), (458, 46), (458, 64), (476, 64)], c, .16)
    p.rect(336, 462, 128, 8, col("brass"), 4)
    p.turned(400, [(268, 16), (282, 24), (300, 16), (306, 20)], col("brass"), .3)
    p.add(f'<path d="M304 748A96 14 0 0 0 496 748" fill="none" stroke="{light(c, .3)}" stroke-width="4" opacity=".6"/>')


def teapot(p, c="slate"):
    c = col(c)
    p.ground_shadow(390, 788, 190)
    p.line("M246 520C240 330 540 330 534 520", col("cork"), 26)
    p.line("M250 512C250 342 530 342 530 512", light(col("cork"), .3), 6)
    p.solid("M540 640C610 640 620 560 662 520L704 540C672 590 660 720 540 726Z", c)
    p.turned(390, [(510, 92), (530, 130), (620, 194), (700, 196), (760, 160), (788, 110)], c, .12)
    p.turned(390, [(478, 30), (490, 70), (510, 94), (520, 94)], light(c, .08), .15)
    p.ball(390, 466, 22, 20, light(c, .16))
    p.add(f'<path d="M204 640C280 676 500 676 576 640" fill="none" stroke="{light(c, .3)}" stroke-width="5" opacity=".5"/>')
