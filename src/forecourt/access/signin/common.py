"""Passwords that guessers try first, and the words they build from, without what may stand between (lower case)."""

COMMON_PASSWORDS = frozenset(
    """
    000000 111111 121212 123123 123321 123456 1234567 12345678 123456789 1234567890 123456789012 1234567891011
    012345678910 654321 666666 696969 987654321 9876543210 abc123 abcd1234 abcdef abcdefg abcdefgh abcdefghijkl
    abcdefghijklm access admin admin123 admin1234 administrator adminadmin adminadminadmin andrea asdfgh asdfghjkl
    asdfghjkl123 baseball batman bvg changeme changemenow charge charger charging chargepoint chargingstation charlie
    computer default dragon driver electric electricity energy fahrzeug football forecourt forecourtforecourt freedom
    geheim geheimgeheim gruppe guest hallo hallohallo hallo123 hannover harley hello hello123 helloworld hockey hunter
    hunter2 iloveyou iloveyou1234 iloveyouforever internet ichliebedich jennifer jordan killer kennwort kennwort123
    ladepunkt ladesaeule ladesäule ladestation letmein letmeinletmein login loveme master masterpassword michael
    michelle monkey mustang nintendo ocpp operator owner pass passwd passw0rd passwort passwort123 password password1
    password12 password123 password1234 password12345 passwordpassword pepper pokemon princess q1w2e3r4 q1w2e3r4t5y6
    qazwsx qazwsxedc qazwsxedcrfv qwert qwertz qwertzuiop qwertzuiopü qwerty qwerty123 qwertyuiop qwertyuiopasdf
    ranger root rootroot schalke secret secretpassword secretsecret service shadow soccer sommer sommer2024 sommer2025
    sommer2026 starwars station strom summer summer2024 summer2025 summer2026 sunshine superman support system
    technician test test123 testtest testtesttest testing thomas tigger trustno1 tankstelle user viewer welcome
    welcome1 welcome123 willkommen winter winter2024 winter2025 winter2026 whatever 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y
    1qaz2wsx 1qaz2wsx3edc zaq12wsx zxcvbn zxcvbnm correcthorsebatterystaple
    """.split()  # noqa: SIM905  a list that people read
)
