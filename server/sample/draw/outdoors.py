"""Things for garden, camp and weather."""

from .canvas import col, dark, light, mix, n
from .home import sprig


def bottle(p, c="sea"):
    c = col(c)
    p.ground_shadow(400, 806, 110)
    p.turned(400, [(360, 58), (400, 62), (440, 94), (490, 110), (760, 110), (806, 106)], c, .14)
    p.turned(400, [(270, 56), (280, 62), (356, 62), (362, 58)], col("steel"), .15)
    p.ell(400, 270, 56, 8, light(col("steel"), .4))
    p.line("M350 268C350 214 450 214 450 268", col("charcoal"), 13)
    p.turned(400, [(762, 110), (806, 106)], dark(c, .2), .14)
    p.path("M372 620A28 28 0 0 1 428 620Z", light(c, .7))
    p.line("M362 632H438M372 644H428", light(c, .7), 5)


def backpack(p, c="olive"):
    c, s = col(c), col("tan")
    p.ground_shadow(400, 812, 200, 28)
    p.line("M350 260C350 190 450 190 450 260", dark(c, .3), 20)
    p.line("M246 420C180 500 180 690 232 770M554 420C620 500 620 690 568 770", dark(c, .35), 30)
    d = "M250 360C250 300 290 290 330 290H470C510 290 550 300 550 360L572 770C574 800 560 812 536 812H264C240 812 226 800 228 770Z"
    p.solid(d, c)
    p.solid("M262 250C262 238 270 232 284 232H516C530 232 538 238 538 250L544 330C544 344 536 350 522 350H278C264 350 256 344 256 330Z", light(c, .08), "v")
    p.line("M264 270H536M262 300H538", dark(c, .22), 4)
    for x in (310, 490):
        p.box(x - 14, 326, 28, 190, s, 4)
        p.add(f'<rect x="{x - 21}" y="430" width="42" height="34" rx="5" fill="none" stroke="{col("brass")}" stroke-width="8"/>')
    p.box(280, 560, 240, 196, light(c, .05), 22, "v")
    p.line("M292 610H508", dark(c, .35), 6)
    p.box(388, 604, 24, 40, s, 6)


def tent(p, c="mustard"):
    c = col(c)
    p.ground_shadow(400, 790, 330, 30)
    p.path("M600 290L720 780H560Z", dark(c, .3))
    p.line("M400 270L74 800M600 290L752 806", col("stone"), 4)
    p.solid("M400 270L600 290L720 780H560Z", dark(c, .16), "v")
    p.solid("M400 270L120 780H560Z", c, "v")
    p.path("M400 300L300 780H486Z", "#3A2F2A")
    p.solid("M400 296L232 780H310C370 640 396 460 400 296Z", light(c, .14), "v")
    p.path("M400 296C404 460 440 660 494 780H540Z", dark(c, .1))
    p.line("M262 700C300 690 320 660 330 620", col("tan"), 8)
    p.line("M400 252V300", col("steel"), 12)
    for x in (120, 560, 720):
        p.line(f"M{x} 776l-8 30", col("charcoal"), 9)


def lantern(p, c="red"):
    c = col(c)
    p.defs.add("glow")
    p.add('<circle cx="400" cy="590" r="280" fill="url(#glow)" opacity=".9"/>')
    p.ground_shadow(400, 812, 150)
    p.line("M256 700C200 500 230 300 400 250C570 300 600 500 544 700", dark(c, .2), 14)
    p.turned(400, [(700, 100), (720, 140), (780, 150), (812, 146)], c, .13)
    p.turned(400, [(690, 84), (704, 98)], dark(c, .25), .15)
    p.add('<g opacity=".8">')
    p.turned(400, [(450, 66), (480, 78), (570, 128), (650, 112), (692, 78)], "#F6F0DC", .1)
    p.add("</g>")
    p.path("M400 520C440 580 444 630 424 660H376C356 630 360 580 400 520Z", "#F0A63C")
    p.path("M400 580C420 610 418 640 410 660H390C382 640 380 610 400 580Z", "#FFF3CF")
    p.rect(384, 656, 32, 36, col("brass"), 4)
    p.turned(400, [(350, 40), (370, 70), (392, 84), (420, 84), (450, 74)], c, .14)
    p.turned(400, [(318, 26), (346, 34), (352, 40)], dark(c, .2), .2)
    p.line("M300 566C300 540 500 540 500 566", dark(c, .35), 5)


def camp_chair(p, c="rust"):
    c, w = col(c), col("oak")
    p.ground_shadow(410, 812, 250, 28)
    p.line("M560 250L250 806", dark(w, .2), 24)
    p.solid("M262 262L538 240L560 560L280 590Z", c, "v")
    p.line("M266 300L540 280", dark(c, .25), 4)
    p.line("M250 240L560 806", w, 24)
    p.line("M246 236L300 334", w, 30)
    p.solid("M230 600C300 560 500 540 590 556C600 590 590 612 570 622C470 610 330 624 260 650C236 640 228 620 230 600Z", light(c, .06), "v")
    p.line("M270 806L600 500M240 560L604 806", w, 22)
    p.line("M236 600L600 556", w, 18)


def pocket_knife(p, c="walnut"):
    c = col(c)

    def draw():
        p.drop("M200 520H610C640 520 640 600 610 600H200C170 600 170 520 200 520Z", 16, 24)
        p.solid("M270 530C300 420 420 330 560 300C560 340 480 440 350 540Z", col("steel"), "v")
        p.path("M300 530C350 440 440 370 556 306C520 400 420 480 340 536Z", "#fff", ' opacity=".35"')
        p.solid("M210 510H600C650 510 654 600 604 604C480 590 340 594 214 606C160 606 162 510 210 510Z", c, "v")
        p.solid("M210 510H290V604C260 604 230 606 214 606C160 606 162 510 210 510Z", col("brass"), "v")
        for x in (340, 450, 560):
            p.ell(x, 554, 8, 8, col("brass"))
        p.ell(232, 556, 10, 10, dark(col("brass"), .5))
        p.line("M610 556C660 560 690 600 670 660", col("tan"), 9)
    p.group("rotate(-12 400 500)", draw)


def blanket_roll(p, c="blue"):
    c, k = col(c), col("cream")
    p.ground_shadow(400, 786, 250, 34)
    p.box(190, 560, 400, 226, c, 20, "v")
    for x in (240, 286, 480, 526):
        p.rect(x, 560, 20, 226, k, 0, ' opacity=".75"')
    for y in (610, 690):
        p.rect(190, y, 400, 14, k, 0, ' opacity=".4"')
    p.ball(590, 673, 62, 113, light(c, .12))
    p.add(f'<g fill="none" stroke="{dark(c, .3)}" stroke-width="7"><ellipse cx="590" cy="673" rx="44" ry="84"/><ellipse cx="590" cy="673" rx="26" ry="54"/><ellipse cx="590" cy="673" rx="9" ry="24"/></g>')
    for x in (336, 440):
        p.box(x, 552, 26, 242, col("tan"), 5, "v")
        p.add(f'<rect x="{x - 7}" y="640" width="40" height="34" rx="5" fill="none" stroke="{col("brass")}" stroke-width="8"/>')
    p.line("M350 556C350 470 452 470 452 556", col("tan"), 20)


def watering_can(p, c="forest"):
    c = col(c)
    p.ground_shadow(380, 796, 190)
    p.line("M470 740C580 720 590 480 672 380", dark(c, .08), 30)
    p.line("M470 732C568 706 580 470 668 372", light(c, .2), 8)
    p.path("M640 356L700 330L722 372L668 400Z", dark(c, .2))
    p.line("M250 560C120 520 130 740 236 730", dark(c, .1), 26)
    p.turned(360, [(540, 128), (570, 132), (760, 152), (796, 142)], c, .14, inside=dark(c, .5))
    p.line("M280 540C290 420 440 420 444 540", dark(c, .04), 24)
    p.line("M284 536C298 430 432 430 440 536", light(c, .25), 6)
    p.add(f'<path d="M214 700A148 20 0 0 0 508 700" fill="none" stroke="{light(c, .3)}" stroke-width="5" opacity=".5"/>')


def trowel(p, c="ash"):
    c = col(c)

    def draw():
        blade = "M330 480C330 440 470 440 470 480V300C470 220 430 150 400 120C370 150 330 220 330 300Z"
        p.drop(blade + "M370 560H430V860H370Z", 18, 20)
        p.solid(blade, mix(col("steel"), col("slate"), .35))
        p.line("M400 150V430", "#fff", 7, ' opacity=".4"')
        p.line("M400 470C400 520 400 540 400 580", col("steel"), 24)
        p.turned(400, [(570, 26), (600, 30), (720, 40), (800, 36), (840, 28)], c, .2)
        p.rect(373, 574, 54, 14, col("brass"), 4)
        p.line("M400 846C420 890 380 900 400 860", col("tan"), 7)
    p.group("rotate(-26 400 500)", draw)


def umbrella(p, c="navy"):
    c = col(c)
    p.line("M400 250V820C400 880 480 880 480 820", col("walnut"), 16)
    p.drop("M110 520C120 260 680 260 690 520Z", 14, 26, .16)
    d = "M100 520C110 330 240 220 400 220C560 220 690 330 700 520C660 480 600 480 550 520C510 480 450 480 400 520C350 480 290 480 250 520C200 480 140 480 100 520Z"
    p.solid(d, c)
    p.path("M400 220C330 300 260 400 250 520C290 480 350 480 400 520Z", light(c, .12))
    p.path("M400 220C470 300 540 400 550 520C600 480 660 480 700 520C690 330 560 220 400 220Z", dark(c, .12))
    p.line("M400 220C330 300 260 400 250 520M400 220C470 300 540 400 550 520M400 220V516", light(c, .3), 3, ' opacity=".7"')
    p.line("M400 220V176", col("walnut"), 10)


def nest_box(p, c="oak"):
    c = col(c)
    p.line("M400 0V300", col("stone"), 6)
    p.drop("M250 400L400 260L550 400V780H250Z", 16, 24)
    p.solid("M256 400L400 276L544 400V776C544 786 540 790 530 790H270C260 790 256 786 256 776Z", c)
    grain = "".join(f"M{290 + i * 37} 420C{296 + i * 37} 540 {284 + i * 37} 660 {292 + i * 37} 788" for i in range(7))
    p.line(grain, dark(c, .22), 3, ' opacity=".5"')
    p.ell(400, 500, 58, 58, "#3A2A20")
    p.ell(404, 506, 52, 52, "#2A1E18")
    p.line("M400 610V640", dark(c, .4), 20)
    p.path("M384 636H416V654H384Z", dark(c, .4))
    p.line("M222 424L400 268L578 424", mix(col("forest"), "#FFFFFF", .05), 42)
    p.line("M222 412L400 256L578 412", light(col("forest"), .25), 8)
    b = col("sea")
    p.path("M380 622C370 580 400 560 428 572C440 560 462 566 460 582L478 590L458 598C452 626 420 640 380 622Z", b)
    p.path("M380 622C390 600 410 600 428 610C416 632 396 632 380 622Z", dark(b, .2))
    p.ell(448, 582, 4, 4, col("ink"))
