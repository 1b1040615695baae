"""Things of paper and ink."""

from .canvas import blob, col, dark, light, mix, n


def notebook(p, c="forest", mark="dot"):
    c = col(c)

    def draw():
        p.drop("M220 210H580V800H220Z", 20, 28)
        p.rect(228, 216, 366, 592, "#EFE8D8", 10)
        p.line("M598 226V800", "#D8CFBB", 3)
        p.box(216, 206, 370, 594, c, 12)
        p.rect(216, 206, 42, 594, dark(c, .22), 10)
        p.rect(540, 206, 14, 594, dark(c, .35))
        p.rect(300, 300, 200, 110, col("paper"), 4)
        p.line("M326 340H474M326 372H420", dark(c, .2), 5)
        p.path("M440 800V846L454 832L468 846V800Z", col("ochre"))
    p.group("rotate(-5 400 500)", draw)


def notebook_open(p, c="forest"):
    c = col(c)
    p.drop("M96 330H704V760H96Z", 16, 28)
    p.rect(90, 322, 620, 440, c, 12)
    p.path("M104 336C200 312 330 316 400 344V752C330 726 200 722 104 746Z", "#FBF7EE")
    p.path("M696 336C600 312 470 316 400 344V752C470 726 600 722 696 746Z", "#F5EFE2")
    p.path("M400 344C430 330 450 326 470 324V730C440 734 420 742 400 752Z", "#201820", ' opacity=".06"')
    dots = "".join(f'<circle cx="{450 + i % 8 * 30}" cy="{380 + i // 8 * 34}" r="2.4"/>' for i in range(80))
    p.add(f'<g fill="#B9AF9C">{dots}</g>')
    p.line("M140 400C220 384 300 388 360 400M140 444C220 428 300 432 350 442M140 488C200 476 250 476 300 484", col("ink"), 4, ' opacity=".65"')
    p.line("M150 640C190 560 230 660 270 590C300 550 330 620 356 580", c, 6)
    p.path("M396 740H412V812L404 800L396 812Z", col("ochre"))


def pocket_set(p, c="kraft"):
    for a, dx, k in ((-14, -90, "ochre"), (0, 0, "sea"), (13, 90, "clay")):
        k = col(k)

        def draw(dx=dx, k=k):
            x = 270 + dx
            p.drop(f"M{x} 290H{x + 260}V700H{x}Z", 12, 20)
            p.box(x, 290, 260, 410, k, 10)
            p.line(f"M{x + 8} 340v40M{x + 8} 610v40", col("steel"), 6)
            p.rect(x + 60, 360, 140, 80, col("paper"), 3)
            p.line(f"M{x + 80} 390H{x + 180}M{x + 80} 414H{x + 150}", dark(k, .3), 4)
        p.group(f"rotate({a} 400 900)", draw)


def planner(p, c="oat"):
    c = col(c)
    p.drop("M170 260H630V760H170Z", 18, 28)
    p.box(164, 250, 472, 510, c, 14)
    p.rect(190, 280, 420, 450, col("paper"), 6)
    p.rect(190, 280, 420, 60, col("terracotta"), 6)
    p.rect(216, 302, 120, 16, col("paper"), 8)
    for r in range(5):
        for k in range(7):
            x, y = 206 + k * 57, 360 + r * 70
            p.rect(x, y, 47, 56, mix(c, "#FFFFFF", .45), 5)
            if (r * 7 + k) % 6 == 2:
                p.ell(x + 24, y + 30, 13, 13, col("sage" if k % 2 else "ochre"))
    for i in range(10):
        p.line(f"M{200 + i * 44} 236V272", col("charcoal"), 8)
    p.rect(604, 480, 60, 16, col("charcoal"), 8)


def motif(p, x, y, kind, c):
    if kind == "sun":
        p.path(f"M{x - 50} {y}A50 50 0 0 1 {x + 50} {y}Z", c)
        p.line(f"M{x - 76} {y + 18}H{x + 76}M{x - 56} {y + 36}H{x + 56}", c, 7)
    elif kind == "leaf":
        p.line(f"M{x} {y + 60}V{y - 50}", c, 6)
        for i in range(4):
            yy = y - 40 + i * 26
            p.path(f"M{x} {yy + 16}C{x + 30} {yy - 14} {x + 56} {yy - 8} {x + 60} {yy - 10}C{x + 52} {yy + 18} {x + 20} {yy + 20} {x} {yy + 16}ZM{x} {yy + 16}C{x - 30} {yy - 14} {x - 56} {yy - 8} {x - 60} {yy - 10}C{x - 52} {yy + 18} {x - 20} {yy + 20} {x} {yy + 16}Z", c)
    else:
        p.path(blob([(x - 60, y + 10), (x - 20, y - 46), (x + 40, y - 40), (x + 62, y + 16), (x + 10, y + 52)]), c)
        p.ell(x + 8, y + 4, 18, 18, col("paper"))


def cards(p, c="blush"):
    for a, dx, kind, tone, inkc in ((-12, -110, "leaf", "paper", "forest"), (2, 0, "sun", c, "terracotta"), (14, 120, "dot", "sky", "navy")):
        t = col(tone)

        def draw(dx=dx, kind=kind, t=t, inkc=inkc):
            x = 280 + dx
            p.drop(f"M{x} 320H{x + 250}V670H{x}Z", 12, 20)
            p.box(x, 320, 250, 350, t, 4, "v")
            motif(p, x + 125, 470, kind, col(inkc))
            p.line(f"M{x + 75} 600H{x + 175}M{x + 95} 622H{x + 155}", col(inkc), 4, ' opacity=".7"')
        p.group(f"rotate({a} 400 900)", draw)


def wrap(p, c="rose"):
    for a, x, k, kind in ((-16, 300, "sage", 0), (0, 400, c, 1), (15, 500, "navy", 2)):
        k = col(k)

        def draw(x=x, k=k, kind=kind):
            p.drop(f"M{x - 44} 220H{x + 44}V800H{x - 44}Z", 16, 20)
            d = f"M{x - 44} 220H{x + 44}V800A44 10 0 0 1 {x - 44} 800Z"
            p.solid(d, k)

            def pattern():
                t = light(k, .6)
                for i in range(15):
                    y = 250 + i * 40
                    if kind == 0:
                        p.line(f"M{x - 50} {y}L{x + 50} {y - 40}", t, 5, ' opacity=".7"')
                    elif kind == 1:
                        p.add(f'<g fill="{t}"><circle cx="{x - 24}" cy="{y}" r="7"/><circle cx="{x + 10}" cy="{y + 18}" r="7"/><circle cx="{x + 36}" cy="{y}" r="6"/></g>')
                    else:
                        p.path(f"M{x - 28} {y}a14 14 0 0 1 28 0ZM{x + 8} {y + 18}a14 14 0 0 1 28 0Z", t)
            p.clip(d, pattern)
            p.ell(x, 220, 44, 10, light(k, .3))
            p.ell(x, 220, 30, 6, dark(k, .4))
            p.rect(x - 46, 470, 92, 60, col("paper"))
        p.group(f"rotate({a} 400 1000)", draw)


def print_(p, scene="tide", frame="oak"):
    f = col(frame)
    d = "M190 190H610V790H190Z"
    p.drop(d, 20, 30)
    p.box(186, 186, 428, 608, f, 4, "v")
    p.rect(204, 204, 392, 572, col("paper"))
    art = "M244 254H556V706H244Z"

    def tide():
        p.rect(244, 254, 312, 452, "#F2DCC3")
        p.ell(400, 400, 84, 84, col("terracotta"))
        for i, k in enumerate(("sky", "sea", "slate", "navy")):
            y = 430 + i * 66
            p.path(f"M240 {y}C300 {y - 34} 340 {y + 30} 400 {y}C460 {y - 30} 500 {y + 34} 560 {y}V710H240Z", col(k))

    def hills():
        p.rect(244, 254, 312, 452, "#E8E6D4")
        p.ell(478, 340, 42, 42, col("ochre"))
        for y, k, s in ((450, "sage", 70), (510, "moss", 50), (580, "forest", 64), (650, "ink", 30)):
            p.path(f"M240 {y}C300 {y - s} 360 {y - s} 420 {y - 10}C470 {y + 26} 520 {y - s + 20} 560 {y - 20}V710H240Z", col(k))

    def arches():
        p.rect(244, 254, 312, 452, "#F4EBDD")
        for i, (k, r) in enumerate((("plum", 140), ("terracotta", 108), ("ochre", 76), ("cream", 44))):
            p.path(f"M{400 - r} 706V{500 - 0}A{r} {r} 0 0 1 {400 + r} 500V706Z", col(k))
    p.clip(art, {"tide": tide, "hills": hills, "arches": arches}[scene])


def calendar(p, c="paper"):
    p.drop("M210 220H590V800H210Z", 18, 28)
    p.box(206, 216, 388, 580, col("paper"), 4, "v")
    p.line("M330 200C360 150 440 150 470 200", col("stone"), 5)
    p.rect(206, 204, 388, 22, col("oak"), 4)
    art = "M234 250H566V520H234Z"

    def scene():
        p.rect(234, 250, 332, 270, "#F6E3CC")
        p.ell(330, 360, 52, 52, col("ochre"))
        p.path("M230 440C300 390 350 470 420 430C480 396 530 430 570 410V524H230Z", col("sage"))
        p.path("M230 480C310 440 380 500 450 474C510 452 540 470 570 460V524H230Z", col("forest"))
    p.clip(art, scene)
    p.add(f'<text x="234" y="580" font-family="Georgia,serif" font-size="40" fill="{col("ink")}">May</text>')
    dots = []
    for i in range(31):
        k = i + 4
        dots.append(f'<circle cx="{252 + k % 7 * 50}" cy="{614 + k // 7 * 34}" r="{9 if i == 16 else 6}" fill="{col("terracotta") if i == 16 else mix(col("ink"), "#FFFFFF", .55)}"/>')
    p.add("".join(dots))


def letter_set(p, c="sky"):
    c = col(c)

    def sheet():
        p.drop("M240 200H560V620H240Z", 12, 20)
        p.box(240, 200, 320, 430, col("paper"), 3, "v")
        p.line("M280 270C330 262 400 268 470 262M280 316H510M280 352H500M280 388H514M280 424H440", mix(col("ink"), "#FFFFFF", .35), 4)
    p.group("rotate(6 400 400)", sheet)
    p.drop("M170 480H630V790H170Z", 16, 24)
    p.box(170, 480, 460, 310, c, 6, "v")
    p.path("M170 484L400 660L630 484V500L400 690L170 500Z", dark(c, .18))
    p.path("M174 480H626L400 650Z", light(c, .3))
    p.ball(400, 640, 44, 44, col("red"))
    p.path("M378 648A22 22 0 0 1 422 648Z", light(col("red"), .35))
    p.line("M370 656H430", light(col("red"), .35), 4)


def sketchbook(p, c="ink"):
    c = col(c)

    def draw():
        p.drop("M230 220H590V790H230Z", 18, 26)
        p.rect(240, 226, 356, 572, "#EFE8D8", 6)
        p.box(232, 218, 354, 572, c, 8)
        ring = light(c, .75) if c == col("ink") else col("paper")
        p.line("M330 620C350 480 420 460 440 540C456 600 400 640 380 580C366 530 440 430 510 430", ring, 6)
        p.line("M320 660H510", ring, 4, ' opacity=".6"')
        for i in range(14):
            y = 246 + i * 39
            p.ell(254, y, 7, 7, p.wall)
            p.line(f"M254 {y}C226 {y - 16} 214 {y + 8} 232 {y + 8}", col("steel"), 6)
    p.group("rotate(4 400 500)", draw)


def washi(p, c="rose"):
    spots = ((270, 640, "sage"), (430, 690, "ochre"), (560, 600, "sea"), (380, 470, c), (540, 400, "navy"))
    for i, (x, y, k) in enumerate(spots):
        k = col(k)
        p.ground_shadow(x, y + 66, 84, 14)
        p.turned(x, [(y - 30, 86), (y + 50, 86)], k, .34)
        t = light(k, .6)
        for j in range(-2, 3):
            xx, yy = x + j * 32, y + 22 - abs(j) * 7
            if i % 2:
                p.ell(xx, yy + 8, 7, 9, t)
            else:
                p.line(f"M{xx - 7} {yy + 26}L{xx + 7} {yy - 8}", t, 6)
        p.ell(x, y - 30, 86, 29, light(k, .35))
        p.ell(x, y - 30, 54, 18, col("cork"))
        p.ell(x, y - 27, 44, 14, dark(p.ground, .25))


def ink_bottle(p, c="navy"):
    c = col(c)
    p.ground_shadow(400, 790, 170)
    p.add('<g opacity=".92">')
    p.solid("M240 600C240 570 260 560 290 560H510C540 560 560 570 560 600V760C560 782 546 790 526 790H274C254 790 240 782 240 760Z", mix(c, "#DDE8EC", .18))
    p.add("</g>")
    p.path("M256 640C330 628 470 652 544 640V756C544 768 536 774 524 774H276C264 774 256 768 256 756Z", c)
    p.rect(270, 580, 22, 180, "#fff", 10, ' opacity=".28"')
    p.turned(400, [(530, 76), (564, 80)], mix(c, "#DDE8EC", .4), .15)
    p.turned(400, [(430, 88), (440, 96), (520, 96), (534, 92)], col("black"), .14)
    p.ell(400, 430, 88, 12, "#4A4B50")
    p.rect(322, 630, 156, 104, col("paper"), 3)
    p.line("M346 660H454M362 684H438M376 708H424", c, 5)
    p.path("M600 700C640 690 690 706 690 740C690 772 640 776 610 764C584 752 580 706 600 700Z", c, ' opacity=".9"')
