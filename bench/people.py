"""People with realistic names, towns and employers, as many as wanted and the same at every run."""

from __future__ import annotations

import random
from typing import Any

FIRST = """
Ada Adil Agnes Aiko Alma Amara Ana Anders Anika Arjun Astrid Beatriz Bela Bo Bruno Camila Carl Chidi Clara Cosmin
Dagny Daria David Deniz Dora Edith Eero Elif Emeka Enzo Erik Esther Farid Fatima Felix Fiona Freya Gaspar Greta Hamza
Hana Hugo Ida Ines Ingrid Ivan Jana Jasper Joana Joel Kaito Karin Kofi Lars Leila Lena Lior Lucia Magda Maja Malik
Marta Mateo Milan Mina Nadia Naoko Nils Noor Olga Omar Oskar Paula Pavel Petra Priya Quentin Rafael Rania Ravi Rosa
Ruben Sanna Selma Sigrid Simon Sofia Stefan Suresh Tariq Tessa Theo Tomas Uma Vera Viktor Wanda Xenia Yara Yusuf Zoe
""".split()
LAST = """
Aalto Abara Adler Almeida Amin Andersen Aoki Arslan Bakker Banerjee Barros Becker Berg Bianchi Blom Bonnet Borges
Brandt Carvalho Castillo Chen Christou Costa Cruz Dahl Delgado Demir Diallo Dimitrov Dubois Eklund Eriksen Espinoza
Fabre Farah Ferrari Fischer Fonseca Forsberg Fujita Gallo Garcia Georgiou Girard Gomez Gruber Gupta Haas Hakimi Hansen
Haugen Hernandez Hoffmann Holm Horvat Ibrahim Ilves Iversen Jansen Jensen Joshi Kaplan Karlsson Kaya Keita Kimura
Klein Kovac Kowalski Kruger Lambert Larsen Lehtinen Lindholm Lopez Lund Machado Mahfouz Marino Marques Mensah Meyer
Mishra Moreau Moretti Mwangi Nakamura Nasser Navarro Nguyen Nielsen Novak Nowak Nygaard Obi Okafor Oliveira Olsen Ortiz
Osman Otieno Papadakis Park Pereira Petrov Pham Popescu Quispe Rahman Ramos Rao Ribeiro Richter Rossi Roux Saito
Salazar Santos Sato Schmidt Schneider Sharma Silva Singh Soto Suzuki Svensson Takeda Tamm Torres Tran Ueda Vargas
Vasquez Virtanen Vogel Wagner Walker Weber Winkler Yamada Yilmaz Zhang Ziegler
""".split()
TOWNS = """
Oslo Bergen Lisbon Porto Madrid Sevilla Lyon Nantes Berlin Leipzig Vienna Graz Prague Brno Warsaw Gdansk Athens Patras
Istanbul Izmir Helsinki Turku Tallinn Riga Lagos Accra Nairobi Dakar Lima Quito Bogota Santiago Osaka Kyoto Seoul Hanoi
""".split()
EMPLOYERS = """
Northwind Fjordbank Solaris Meridian Halcyon Brightwater Ironclad Papyrus Quarry Sextant Tideline Umbra Vantage Windrose
Yardarm Zenith Alderman Birchwood Copperleaf Driftwood
""".split()
TAGS = ("friend", "colleague", "family", "neighbour", "climber", "client")


def pairs(count: int) -> list[tuple[str, str]]:
    """That many different pairs of first and last name, shuffled by a fixed seed. Raises ValueError beyond them all."""
    return random.Random(20).sample([(first, last) for first in FIRST for last in LAST], count)


def person(first: str, last: str) -> dict[str, Any]:
    """What is known of one person: values of the class Person of the schema `assistant`."""
    chance = random.Random(f"{first} {last}")
    return {
        "name": f"{first} {last}",
        "email": f"{first}.{last}@{chance.choice(EMPLOYERS)}.example".lower(),
        "born": f"{chance.randint(1940, 2005)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
        "city": chance.choice(TOWNS),
        "employer": chance.choice(EMPLOYERS),
        "tags": [chance.choice(TAGS)],
    }


def people(count: int) -> list[dict[str, Any]]:
    """That many different persons."""
    return [person(first, last) for first, last in pairs(count)]
