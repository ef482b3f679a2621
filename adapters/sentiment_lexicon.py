"""What the words of crypto headlines are worth, on VADER's scale of -4 (bearish) .. 4 (bullish); 0 takes a word out.

Together with VADER's own list, which they override. How they were chosen: docs/news.md.
"""

WORTH = {
    # prices and volumes that rise
    "above": 0.8, "accelerates": 1.4, "ath": 2.2, "boom": 1.6, "breakout": 1.8, "bull": 1.8, "bullish": 2.6, "bulls":
    1.6, "climb": 1.6, "climbs": 1.8, "doubles": 1.6, "exceeds": 1.4, "gain": 1.6, "gains": 1.8, "growing": 1.2,
    "grows": 1.5, "growth": 1.2, "high": 1.2, "higher": 1.2, "highest": 1.2, "highs": 1.4, "hits": 0.5, "increase":
    1.0, "increases": 1.1, "inflow": 1.6, "inflows": 1.8, "jump": 1.8, "jumps": 2.0, "milestone": 1.4, "moon": 1.6,
    "outperforms": 1.8, "rallied": 1.8, "rallies": 2.2, "rally": 2.0, "rebound": 1.6, "rebounds": 1.8, "record": 1.0,
    "recovers": 1.6, "recovery": 1.4, "rise": 1.2, "rises": 1.7, "rising": 1.4, "rose": 1.2, "skyrockets": 2.4,
    "soar": 2.4, "soared": 2.2, "soaring": 2.2, "soars": 2.6, "spike": 0.9, "spikes": 1.0, "surge": 2.2, "surged":
    2.0, "surges": 2.4, "surging": 2.2, "surpass": 1.4, "surpassed": 1.4, "surpasses": 1.6, "tops": 1.2, "triples":
    1.8, "up": 0.9, "upgrade": 0.9, "uptrend": 1.8,
    # money, products and partners that come
    "accept": 1.0, "accepts": 1.2, "accumulate": 1.2, "accumulates": 1.3, "accumulating": 1.2, "accumulation": 1.2,
    "acquire": 0.7, "acquired": 0.7, "acquires": 0.8, "acquiring": 0.7, "acquisition": 0.5, "add": 1.0, "adding": 0.9,
    "adds": 1.2, "adopt": 1.4, "adopting": 1.4, "adoption": 1.6, "adopts": 1.5, "allocate": 0.8, "allocates": 1.0,
    "announced": 0.4, "announces": 0.6, "approval": 1.8, "approve": 1.6, "approved": 1.8, "approves": 1.8, "backed":
    0.7, "backing": 1.0, "backs": 1.2, "bet": 0.4, "bets": 0.6, "billion": 0.2, "boost": 1.4, "boosting": 1.3,
    "boosts": 1.5, "bought": 1.0, "breaks": 0.6, "build": 0.7, "building": 0.7, "buy": 0.9, "buyback": 1.4, "buying":
    0.9, "buys": 1.3, "cleared": 0.8, "clears": 0.8, "collaborates": 1.2, "collaboration": 1.2, "confirms": 0.3,
    "debuts": 1.0, "deploys": 0.8, "develop": 0.5, "develops": 0.7, "dismissed": 0.5, "dismisses": 0.6, "embraces":
    1.5, "enable": 0.9, "enables": 1.1, "expand": 1.1, "expanding": 1.1, "expands": 1.2, "expansion": 1.2, "explores":
    0.6, "exploring": 0.7, "extends": 0.8, "files": 0.4, "forming": 0.5, "forms": 0.5, "fund": 0.9, "funding": 1.5,
    "funds": 0.4, "gears": 0.6, "go-ahead": 1.5, "greenlights": 1.8, "grew": 1.4, "halving": 0.4, "hires": 0.8,
    "holdings": 0.3, "integrated": 0.9, "integrates": 1.1, "integration": 1.0, "introduce": 0.9, "introduces": 1.0,
    "introducing": 0.9, "invest": 0.5, "invested": 0.8, "investing": 0.7, "investment": 0.7, "invests": 1.2, "invite":
    0.4, "joins": 0.8, "largest": 0.4, "launch": 1.0, "launched": 0.9, "launches": 1.1, "launching": 1.0, "lead": 0.5,
    "leads": 0.9, "led": 0.8, "legalize": 1.2, "legalizes": 1.6, "license": 0.7, "licensed": 0.8, "listing": 0.8,
    "lists": 0.8, "live": 0.8, "mainnet": 0.5, "million": 0.4, "mint": 0.5, "mints": 0.6, "nearly": 0.3, "offer": 0.4,
    "offers": 0.6, "onboards": 0.8, "opens": 0.6, "optimism": 1.4, "optimistic": 1.4, "outpaces": 1.4, "overtakes":
    1.2, "overtook": 1.0, "pardons": 1.0, "partner": 1.0, "partners": 1.3, "partnership": 1.4, "payments": 0.5,
    "pilots": 0.7, "plan": 0.3, "plans": 0.4, "profit": 1.5, "profits": 1.5, "pump": 0.8, "pumps": 1.4, "purchase":
    0.9, "purchases": 1.0, "raise": 1.3, "raised": 1.2, "raises": 1.6, "raising": 1.2, "recognizes": 0.9, "reopens":
    1.0, "restores": 1.2, "resumes": 1.0, "reveals": 0.3, "revenue": 0.9, "rolls": 0.7, "round": 0.8, "secures": 1.4,
    "seed": 0.7, "series": 0.8, "staked": 0.4, "strengthen": 1.2, "strengthens": 1.4, "strong": 1.5, "stronger": 1.4,
    "support": 1.2, "supports": 1.2, "taps": 0.8, "tokenized": 0.4, "trillion": 0.3, "undervalued": 0.8, "unicorn":
    1.4, "unveil": 0.9, "unveils": 1.0, "upside": 1.4, "uptick": 1.3, "valuation": 1.0, "valued": 0.9, "whale": 0.2,
    "win": 1.8, "wins": 1.8,
    # prices and holders that fall
    "bear": -1.6, "bearish": -2.6, "bears": -1.4, "below": -0.8, "bleed": -1.8, "bleeds": -1.8, "bubble": -1.4,
    "capitulation": -2.2, "collapse": -2.8, "collapsed": -2.8, "collapses": -2.9, "correction": -1.2, "crash": -2.8,
    "crashed": -2.8, "crashes": -2.9, "crashing": -2.6, "cut": -1.1, "cuts": -1.3, "decline": -1.6, "declined": -1.6,
    "declines": -1.7, "decrease": -1.2, "decreases": -1.3, "dip": -1.2, "dips": -1.4, "discount": -0.7, "down": -1.3,
    "downtrend": -1.8, "downturn": -1.8, "drop": -1.8, "dropped": -1.7, "drops": -1.9, "dump": -2.2, "dumped": -2.2,
    "dumps": -2.2, "fall": -1.5, "fallen": -1.5, "falling": -1.5, "falls": -1.8, "fell": -1.7, "liquidated": -2.0,
    "liquidation": -1.8, "liquidations": -1.8, "lose": -1.7, "loses": -1.8, "loss": -1.7, "losses": -1.8, "lost":
    -1.6, "low": -1.2, "lower": -1.0, "lows": -1.4, "outflow": -1.6, "outflows": -1.8, "plummet": -2.6, "plummeted":
    -2.6, "plummets": -2.8, "plunge": -2.4, "plunged": -2.4, "plunges": -2.6, "sell-off": -2.2, "selling": -0.8,
    "selloff": -2.2, "sells": -0.8, "shed": -1.2, "sheds": -1.4, "shrinks": -1.4, "sinks": -2.2, "slide": -1.5,
    "slides": -1.7, "slips": -1.3, "slump": -2.2, "slumps": -2.2, "tank": -1.8, "tanks": -2.0, "tumble": -2.2,
    "tumbled": -2.2, "tumbles": -2.4, "underwater": -1.4, "weak": -1.4, "wiped": -1.8, "wipes": -1.8,
    # courts, states and offices
    "accuse": -1.8, "accused": -1.9, "accuses": -1.9, "against": -0.8, "alleged": -1.4, "alleges": -1.5, "arrest":
    -2.0, "arrested": -2.2, "ban": -2.2, "banned": -2.2, "banning": -2.0, "bans": -2.2, "blocked": -1.2, "charge":
    -1.2, "charged": -1.8, "charges": -1.6, "complaint": -1.5, "convicted": -2.2, "crackdown": -2.2, "delist": -2.0,
    "delisting": -1.8, "delists": -2.0, "denied": -1.5, "denies": -1.0, "deny": -1.4, "fine": -1.0, "fined": -2.0,
    "fines": -1.8, "fraud": -3.0, "guilty": -2.2, "illegal": -2.2, "indicted": -2.2, "investigate": -1.4,
    "investigates": -1.5, "investigation": -1.7, "jail": -2.2, "laundering": -2.2, "lawsuit": -2.0, "lawsuits": -2.0,
    "misled": -1.9, "ordered": -1.0, "penalty": -1.8, "prison": -2.2, "probe": -1.5, "probes": -1.5, "prohibit": -1.8,
    "prohibits": -1.8, "regulator": -0.7, "regulators": -0.8, "reject": -1.7, "rejected": -1.7, "rejects": -1.8,
    "restrict": -1.4, "restrictions": -1.5, "restricts": -1.5, "sanctioned": -1.8, "sanctions": -1.6, "sec": -0.3,
    "seize": -1.6, "seized": -1.7, "seizes": -1.7, "sentenced": -2.1, "settlement": -0.5, "shut": -1.6, "shuts": -1.7,
    "subpoena": -1.6, "sue": -1.8, "sued": -2.0, "sues": -2.0, "suing": -1.9, "tax": -0.4, "taxes": -0.5,
    "unlicensed": -1.6, "unregistered": -1.6, "violated": -1.9, "violating": -1.8, "violation": -1.8, "violations":
    -1.8, "warn": -1.6, "warned": -1.5, "warning": -1.5, "warns": -1.7,
    # thefts, faults and doubts
    "abandon": -1.4, "abandons": -1.6, "amid": -0.7, "attack": -2.1, "attacker": -2.4, "attacks": -1.2, "backlash":
    -1.6, "bankrupt": -2.8, "bankruptcy": -2.8, "blames": -1.5, "blasts": -1.6, "breach": -1.9, "bug": -1.4, "burns":
    -0.2, "cancelled": -1.2, "cancels": -1.3, "caution": -1.0, "cautions": -1.1, "cautious": -1.0, "chaos": -1.8,
    "compromised": -2.0, "concern": -1.2, "concerns": -1.3, "contagion": -2.2, "counterfeit": -1.8, "crisis": -2.2,
    "criticism": -1.4, "criticizes": -1.5, "cyberattack": -2.2, "dead": -1.8, "death": -1.6, "default": -1.6,
    "defaults": -1.8, "delay": -1.2, "delayed": -1.3, "delays": -1.3, "dies": -2.0, "ditches": -1.2, "ditching": -1.1,
    "doubts": -1.3, "downgrade": -1.6, "downgrades": -1.6, "drain": -1.8, "drained": -2.2, "drains": -2.0, "dumping":
    -2.0, "embezzled": -2.4, "embezzlement": -2.4, "expired": -0.6, "expires": -0.3, "exploit": -2.4, "exploited":
    -2.6, "exploits": -2.2, "fail": -1.9, "failed": -2.0, "fails": -2.0, "failure": -2.0, "fake": -1.8, "falsely":
    -1.9, "fear": -1.6, "fears": -1.6, "flees": -1.6, "former": -0.2, "freeze": -1.4, "freezes": -1.5, "frozen": -1.4,
    "fud": -1.6, "hack": -2.6, "hacked": -2.8, "hacker": -2.0, "hackers": -2.2, "halt": -1.6, "halted": -1.6, "halts":
    -1.6, "halve": -1.4, "halved": -1.4, "halves": -1.5, "heist": -2.4, "impersonating": -1.8, "insolvency": -2.8,
    "insolvent": -2.8, "instability": -1.4, "kidnapped": -2.4, "kidnapping": -2.4, "lack": -1.2, "layoff": -1.8,
    "layoffs": -2.0, "leak": -1.5, "leaked": -1.6, "liquidates": -1.8, "malware": -2.2, "manipulation": -1.8,
    "murder": -2.6, "outage": -1.8, "over": -0.5, "overvalued": -1.2, "panic": -2.0, "pause": -1.1, "paused": -1.1,
    "pauses": -1.2, "phishing": -2.4, "ponzi": -3.0, "pressure": -1.0, "pullback": -1.2, "quits": -1.2, "ransom":
    -2.0, "ransomware": -2.3, "red": -0.8, "rejection": -1.5, "resign": -1.0, "resigns": -1.1, "resistance": -0.4,
    "retreat": -1.2, "retreats": -1.3, "risk": -1.0, "risks": -1.0, "rug": -2.4, "scam": -3.0, "scammed": -2.8,
    "scammers": -2.8, "scams": -2.8, "scheme": -1.4, "scheming": -1.6, "shutdown": -1.7, "skeptical": -1.2, "slams":
    -1.7, "slashed": -1.4, "slashes": -1.4, "slow": -0.8, "slowdown": -1.3, "slowing": -0.9, "slows": -1.0,
    "speculative": -0.8, "stalled": -1.1, "stalls": -1.2, "stole": -2.4, "stolen": -2.6, "stop": -1.2, "stoppage":
    -1.6, "stops": -1.2, "struggles": -1.6, "stuck": -1.0, "suffers": -2.0, "suspend": -1.7, "suspended": -1.9,
    "suspends": -1.8, "suspicious": -1.5, "theft": -2.4, "threat": -1.7, "threatens": -1.8, "threats": -1.7,
    "trouble": -1.6, "turmoil": -1.9, "uncertainty": -1.4, "victim": -2.0, "victims": -2.0, "volatility": -0.6,
    "vulnerability": -1.8, "vulnerable": -1.6, "withdrawn": -1.2, "withdraws": -1.1, "wont": -0.5, "worried": -1.4,
    "worries": -1.5, "worry": -1.4, "worse": -1.8, "worst": -2.2, "wouldnt": -0.6,
    # words of the trade that say nothing here, whatever they say elsewhere
    "asset": 0.2, "assets": 0.2, "authority": 0.0, "best": 0.9, "better": 0.9, "bonus": 0.8, "cancel": -1.0, "care":
    0.2, "cash": 0.0, "certain": 0.0, "challenge": -0.4, "commit": 0.0, "commitment": 0.4, "credit": 0.0, "credits":
    0.0, "dear": 0.0, "debt": -0.8, "demand": 0.4, "difficulty": -0.4, "dominance": 0.2, "dominant": 0.2, "ease": 0.4,
    "easy": 0.6, "energy": 0.0, "exclusive": 0.3, "focused": 0.4, "free": 0.4, "freedom": 0.6, "friendly": 0.6, "fun":
    0.5, "gas": 0.0, "hand": 0.0, "hands": 0.0, "help": 0.8, "helps": 0.8, "hope": 0.8, "intelligence": 0.0,
    "interest": 0.0, "interested": 0.6, "interesting": 0.4, "kind": 0.0, "legal": 0.3, "like": 0.0, "luck": 0.2,
    "masternode": 0.0, "miss": -0.6, "natural": 0.0, "no": -0.8, "novel": 0.3, "opportunity": 1.0, "party": 0.0,
    "pay": 0.2, "play": 0.3, "plays": 0.3, "please": 0.0, "pretty": 0.0, "prize": 0.4, "proof": 0.0, "ready": 0.5,
    "reserve": 0.2, "reward": 0.6, "rewards": 0.6, "safe": 0.8, "secure": 0.9, "secured": 0.8, "securities": -0.2,
    "security": 0.2, "share": 0.2, "shares": 0.3, "smart": 0.0, "special": 0.2, "stake": 0.0, "stakes": 0.0,
    "staking": 0.4, "strategic": 0.3, "top": 0.4, "treasury": 0.0, "trust": 0.4, "united": 0.0, "value": 0.4,
    "values": 0.2, "want": -0.1, "wealth": 0.5, "worth": 0.2, "yes": 0.4,
}  # fmt: skip
