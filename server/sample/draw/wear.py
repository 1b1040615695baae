"""Things to wear and carry."""

from .canvas import col, dark, light, mix, n

TEE = ("M300 232L196 286C176 296 168 312 160 332L112 470L214 512L246 452V800C246 814 254 820 268 820H532C546 820 554 814 554 800V452"
       "L586 512L688 470L640 332C632 312 624 296 604 286L500 232C480 280 320 280 300 232Z")


def tee(p, c="white"):
    c = col(c)
    p.drop(TEE, 14, 24)
    p.solid(TEE, c, "v")
    p.line("M300 236C322 300 478 300 500 236", dark(c, .14), 16)
    p.line("M246 452C250 420 250 380 240 350M554 452C550 420 550 380 560 350", dark(c, .16), 5)
    p.line("M262 796H538M118 456L218 496M682 456L582 496", dark(c, .12), 3)
    p.line("M320 560C340 620 330 700 310 770M480 520C470 600 490 690 486 740", dark(c, .1), 5, ' opacity=".6"')


def folded(p, c="white"):
    c = col(c)
    d = "M220 300H580C596 300 604 308 604 324V720C604 736 596 744 580 744H220C204 744 196 736 196 720V324C196 308 204 300 220 300Z"
    p.drop(d, 14, 24)
    p.solid(d, c, "v")
    p.path("M300 300C320 400 480 400 500 300Z", dark(c, .3))
    p.line("M300 302C322 400 478 400 500 302", light(c, .2), 15)
    p.line("M300 302C322 400 478 400 500 302", dark(c, .12), 3)
    p.line("M212 312C230 460 230 600 214 734M588 312C570 460 570 600 586 734", dark(c, .14), 4)
    p.rect(372, 306, 56, 32, col("paper"), 3)
    p.line("M384 322H416", col("ink"), 4)


def sweater(p, c="oat"):
    c = col(c)
    d = ("M304 226L210 270C176 288 164 320 156 360L96 700C92 722 100 730 118 734L176 746C194 748 200 740 204 722L248 520V796C248 812 256 820 272 820H528"
         "C544 820 552 812 552 796V520L596 722C600 740 606 748 624 746L682 734C700 730 708 722 704 700L644 360C636 320 624 288 590 270L496 226Z")
    p.drop(d, 14, 24)
    p.solid(d, c, "v")

    def knit():
        ribs = "".join(f"M{262 + i * 16} 772V824" for i in range(19))
        p.line(ribs, dark(c, .22), 5, ' opacity=".6"')
        for x in (330, 400, 470):
            cable = f"M{x - 16} 330" + "c0 22 32 22 32 44c0 22-32 22-32 44" * 5
            cable += f"M{x + 16} 330" + "c0 22-32 22-32 44c0 22 32 22 32 44" * 5
            p.line(cable, dark(c, .2), 6, ' opacity=".7"')
        p.line("M365 300V770M435 300V770", dark(c, .14), 4, ' stroke-dasharray="6 8"')
        p.line("M92 690L206 712M708 690L594 712", dark(c, .2), 5)
    p.clip(d, knit)
    p.line("M248 520C252 450 246 400 238 360M552 520C548 450 554 400 562 360", dark(c, .2), 5)
    p.path("M308 226C330 196 470 196 492 226C470 262 330 262 308 226Z", dark(c, .34))
    p.line("M306 230C330 274 470 274 494 230", light(c, .1), 22)
    p.line("M306 234C330 280 470 280 494 234", dark(c, .2), 4, ' stroke-dasharray="5 7"')


def overshirt(p, c="indigo"):
    c = col(c)
    d = ("M312 220L214 262C182 278 172 310 164 350L110 690C108 710 114 718 132 722L188 730C204 732 210 724 212 708L250 500V800C250 812 256 820 270 820H530"
         "C544 820 550 812 550 800V500L588 708C590 724 596 732 612 730L668 722C686 718 692 710 690 690L636 350C628 310 618 278 586 262L488 220Z")
    p.drop(d, 14, 24)
    p.solid(d, c, "v")
    p.line("M400 280V818", dark(c, .3), 4)
    p.line("M424 290V818", dark(c, .2), 3, ' stroke-dasharray="7 5"')
    for x in (284, 436):
        p.path(f"M{x} 420H{x + 84}V500L{x + 42} 520L{x} 500Z", light(c, .07))
        p.line(f"M{x} 420H{x + 84}V500L{x + 42} 520L{x} 500ZM{x} 444H{x + 84}", dark(c, .3), 3)
    for y in (340, 440, 540, 640, 740):
        p.ball(412, y, 9, 9, col("tan"))
    p.path("M312 220C340 208 460 208 488 220L456 250H344Z", dark(c, .4))
    p.solid("M312 220L400 286L346 344L290 238ZM488 220L400 286L454 344L510 238Z", light(c, .1), "v")
    p.line("M250 500C254 440 248 390 240 350M550 500C546 440 552 390 560 350M116 672L216 690M684 672L584 690", dark(c, .25), 4)


def beanie(p, c="rust"):
    c = col(c)
    d = "M226 600C226 380 300 260 400 260C500 260 574 380 574 600Z"
    p.drop("M226 560C226 380 300 260 400 260C500 260 574 380 574 560L586 720H214Z", 12, 20, .18)
    p.solid(d, c)
    ribs = "".join(f"M{400 + k * 42} 600C{400 + k * 40} 440 {400 + k * 20} 320 {400 + k * 6} 268" for k in range(-4, 5))
    p.clip(d, lambda: p.line(ribs, dark(c, .25), 6, ' opacity=".6"'))
    cuff = "M214 574C214 562 222 556 236 556H564C578 556 586 562 586 574V700C586 714 578 720 564 720H236C222 720 214 714 214 700Z"
    p.solid(cuff, light(c, .06))
    p.clip(cuff, lambda: p.line("".join(f"M{230 + k * 20} 556V720" for k in range(18)), dark(c, .25), 6, ' opacity=".55"'))
    p.rect(352, 616, 96, 46, col("tan"), 4)
    p.line("M372 639H428", dark(col("tan"), .5), 4)


def scarf(p, c="plum"):
    c, k = col(c), light(col(c), .42)
    tail = "M330 420L500 420L520 800H320Z"
    p.drop("M220 330C220 250 580 250 580 330C584 400 560 430 560 430L600 740L520 830H320L330 440C240 430 214 400 220 330Z", 12, 20, .18)
    p.solid("M420 430L560 420L600 740H470Z", dark(c, .14))
    p.solid(tail, c)
    p.clip(tail, lambda: p.path("M300 640H540V664H300ZM300 684H540V696H300ZM300 716H540V740H300Z", k))
    p.line("".join(f"M{328 + i * 16} 800v{44 if i % 2 else 36}" for i in range(13)), light(c, .1), 6)
    p.line("".join(f"M{478 + i * 16} 742v{36 if i % 2 else 28}" for i in range(8)), dark(c, .1), 6)
    p.solid("M220 330C220 250 580 250 580 330C590 440 500 470 400 470C300 470 210 440 220 330Z", c, "v")
    p.path("M270 322C280 276 520 276 530 322C520 356 280 356 270 322Z", dark(c, .42))
    p.line("M232 370C280 420 520 420 568 370M250 412C320 446 480 446 550 412", dark(c, .2), 5)


def socks(p, c="moss"):
    c, t = col(c), light(col(c), .45)

    def one(dx, dy):
        d = f"M{300 + dx} {240 + dy}H{410 + dx}V{560 + dy}C{410 + dx} {620 + dy} {470 + dx} {650 + dy} {520 + dx} {690 + dy}C{560 + dx} {730 + dy} {540 + dx} {800 + dy} {470 + dx} {790 + dy}C{400 + dx} {780 + dy} {300 + dx} {720 + dy} {300 + dx} {600 + dy}Z"
        p.drop(d, 14, 20)
        p.solid(d, c)

        def detail():
            p.rect(290 + dx, 230 + dy, 140, 90, t)
            p.line("".join(f"M{308 + dx + i * 13} {240 + dy}V{318 + dy}" for i in range(9)), dark(t, .18), 4)
            p.ell(520 + dx, 770 + dy, 76, 84, t)
            p.ell(306 + dx, 668 + dy, 60, 70, t)
            p.line("".join(f"M{312 + dx + i * 18} {322 + dy}V{540 + dy}" for i in range(6)), dark(c, .2), 4, ' opacity=".6"')
        p.clip(d, detail)
    one(-70, -20)
    one(70, 40)


def tote(p, c="natural"):
    c = col(c)
    p.line("M300 420C290 180 510 180 500 420", dark(c, .18), 26)
    d = "M210 396H590L618 800C620 818 612 828 594 828H206C188 828 180 818 182 800Z"
    p.drop(d, 16, 24)
    p.solid(d, c, "h")
    p.line("M306 440C296 170 504 170 494 440", mix(c, "#FFFFFF", .12), 24)
    p.line("M212 420H590", dark(c, .2), 3, ' stroke-dasharray="9 6"')
    p.line("M298 410H314V446H298ZM486 410H502V446H486Z", dark(c, .3), 3)
    ink = col("terracotta") if c != col("ink") else col("oat")
    p.path("M320 640A80 80 0 0 1 480 640Z", ink)
    p.line("M290 664H510M310 688H490M340 712H460", ink, 9)
    p.line("M236 500C226 620 226 720 232 790M566 500C580 620 578 720 570 790", dark(c, .14), 4)


def belt(p, c="cognac"):
    c = col(c)
    p.drop("M200 500a200 200 0 1 0 400 0a200 200 0 1 0-400 0Z", 20, 28, .2)
    for r, w in ((210, 58), (150, 58), (92, 54)):
        k = mix(c, "#000000", .12 if r == 150 else 0)
        p.add(f'<circle cx="400" cy="500" r="{r}" fill="none" stroke="{k}" stroke-width="{w}"/>')
        p.add(f'<circle cx="400" cy="500" r="{r + w / 2 - 8:.0f}" fill="none" stroke="{light(c, .4)}" stroke-width="2.5" stroke-dasharray="9 7" opacity=".8"/>')
    p.add(f'<circle cx="400" cy="500" r="240" fill="none" stroke="{dark(c, .4)}" stroke-width="3"/>')
    p.box(366, 690, 260, 58, c, 4, "v")
    p.line("M380 698H620M380 740H620", light(c, .4), 2.5, ' stroke-dasharray="9 7"')
    p.add(f'<rect x="600" y="672" width="76" height="94" rx="14" fill="none" stroke="{col("brass")}" stroke-width="16"/>')
    p.line("M604 719H680", light(col("brass"), .2), 10)
    for x in (420, 470, 520):
        p.ell(x, 719, 6, 6, dark(c, .6))


def sunglasses(p, c="tan"):
    c = col(c)
    p.drop("M150 456H370V560C370 640 160 640 150 456ZM430 456H650C640 640 430 640 430 560Z", 14, 34, .16)
    p.line("M176 470C150 430 150 380 190 350M624 470C650 430 650 380 610 350", dark(c, .2), 18)
    p.line("M352 490C370 462 430 462 448 490", c, 20)
    for x in (262, 538):
        lens = f"M{x - 108} 456C{x - 90} 436 {x + 90} 436 {x + 108} 456C{x + 122} 560 {x + 60} 622 {x} 622C{x - 60} 622 {x - 122} 560 {x - 108} 456Z"
        p.path(lens, "#3E4A42", ' opacity=".9"')
        p.clip(lens, lambda x=x: p.path(f"M{x - 90} 640L{x + 10} 430H{x + 60}L{x - 40} 640Z", "#fff", ' opacity=".14"'))
        p.line(lens, c, 20)
        p.line(lens, light(c, .35), 4, ' opacity=".6"')


def apron(p, c="slate"):
    c, s = col(c), col("tan")
    p.line("M330 330C300 150 500 150 470 330", s, 16)
    p.line("M212 520C150 540 130 600 150 660M588 520C650 540 670 600 650 660", s, 14)
    d = "M326 310H474C484 400 520 470 592 500V800C592 818 584 828 566 828H234C216 828 208 818 208 800V500C280 470 316 400 326 310Z"
    p.drop(d, 14, 24)
    p.solid(d, c, "h")
    p.path("M280 590H520V730C520 742 512 748 500 748H300C288 748 280 742 280 730Z", light(c, .08))
    p.line("M280 590H520V730C520 742 512 748 500 748H300C288 748 280 742 280 730ZM400 590V748M332 330H468", dark(c, .35), 3, ' stroke-dasharray="9 6"')
    for x, y in ((340, 326), (460, 326), (224, 516), (576, 516)):
        p.ball(x, y, 10, 10, col("brass"))


def slippers(p, c="grey"):
    c = col(c)

    def one():
        d = "M330 300C400 270 440 330 440 420C440 520 420 640 420 720C420 800 300 800 296 720C292 640 260 520 266 420C270 350 290 316 330 300Z"
        p.drop(d, 18, 22)
        p.solid(d, col("tan"))
        p.ell(356, 690, 46, 66, dark(col("tan"), .3))
        p.solid("M330 300C400 270 440 330 440 420C440 500 428 560 424 600C390 540 320 540 288 606C276 540 262 480 266 420C270 350 290 316 330 300Z", c)
        p.line("M424 600C390 540 320 540 288 606", light(c, .4), 8)
    p.group("rotate(-10 350 540) translate(-66 0)", one)
    p.group("translate(800 0) scale(-1 1) rotate(-10 350 540) translate(-66 10)", one)


def cap(p, c="forest"):
    c = col(c)
    p.ground_shadow(420, 716, 240, 26)
    d = "M210 640C200 440 290 350 400 350C510 350 590 440 588 640Z"
    p.solid(d, c)
    p.line("M400 352C360 440 350 540 352 640M400 352C470 430 500 540 500 640", dark(c, .25), 4)
    p.ball(400, 350, 16, 11, light(c, .15))
    p.solid("M352 612C440 590 560 600 640 650C690 684 700 706 676 712C580 690 440 680 330 690C300 660 310 626 352 612Z", dark(c, .12), "v")
    p.line("M346 640C440 624 560 640 650 690", light(c, .25), 3, ' stroke-dasharray="9 6"')
    p.rect(394, 470, 76, 56, col("oat"), 6)
    p.path("M406 510A26 26 0 0 1 458 510Z", col("terracotta"))
