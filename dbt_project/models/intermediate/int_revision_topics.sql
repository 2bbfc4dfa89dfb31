-- What each indicator asks of the rows, in the topics of int_record_bearings; only what makes its population can let a
-- member join or leave. Of who has a report, and of regions, every part of that kind asks.

with

indicators as (
    select * from {{ ref('dim_indicator') }}
),

topics_of_rules as (
    {% for rule, topics in {
        'reported': ['answers', 'reports'],
        'reported_ever': ['answers_ever', 'reports_ever'],
        'submitted': ['reports'],
        'submitted_with_guide': ['reports'],
        'submitted_with_updates': ['reports'],
        'paid_in_time': ['contributions_assessment', 'contributions_assessment_payment', 'formal_meetings'],
        'contributed': ['contributions_voluntary_isu'],
        'participant_count': ['participations'],
        'participant_share': ['participations'],
        'joined_in_year': ['consents'],
        'attended': ['attendance'],
        'condemned_in_meeting': ['statements_condemnation'],
        'discovered_in_year': ['discoveries'],
        'destroyed_within_six_months': ['discoveries'],
        'request_plan_complete': ['requests'],
        'declared_complete_in_year': ['declarations'],
        'declared_with_voluntary_declaration': ['declarations'],
        'case_open_in_year': ['cases'],
        'case_update_reported': ['cases', 'statements_compliance_update'],
    }.items() %}
    {%- set outer_loop = loop -%}
    {% for topic in topics %}
    select
        '{{ rule }}' as rule,
        '{{ topic }}' as topic
    {{ 'union all' if not (loop.last and outer_loop.last) }}
    {% endfor %}
    {% endfor %}
),

topics_of_populations as (
    {% for population, topics in {
        'all_states': [],
        'states_parties': ['treaty_actions'],
        'states_not_party': ['treaty_actions'],
        'article3': ['treaty_actions', 'obligations_article_3'],
        'article4': ['treaty_actions', 'obligations_article_4'],
        'article5': ['treaty_actions', 'obligations_article_5'],
        'victim_assistance': ['treaty_actions', 'obligations_victim_assistance'],
        'affected': ['treaty_actions', 'obligations_article_5', 'obligations_victim_assistance'],
        'article4_overdue': ['treaty_actions', 'obligations_article_4'],
        'articles_3_4_5': [
            'treaty_actions', 'obligations_article_3', 'obligations_article_4', 'obligations_article_5',
        ],
        'article5_completed': ['treaty_actions', 'obligations_article_5'],
        'article5_ever': ['treaty_actions', 'obligations_article_5'],
        'reporting_parties': ['treaty_actions', 'reports'],
        'assessed': ['treaty_actions', 'contributions_assessment'],
        'stockpile_discoverers': ['treaty_actions', 'discoveries'],
        'extension_requests': ['treaty_actions', 'requests'],
        'completion_declarers': ['treaty_actions', 'obligations_article_5', 'declarations'],
        'article1_cases': ['treaty_actions', 'cases'],
    }.items() %}
    select
        '{{ population }}' as population,
        'states' as topic
    {% for topic in topics %}
    union all
    select
        '{{ population }}' as population,
        '{{ topic }}' as topic
    {% endfor %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    indicators.plan_version,
    indicators.indicator_id,
    asked.topic,
    asked.breakdown,
    max(asked.makes_members) as makes_members
from indicators
inner join (
    select
        rule,
        null as population,
        topic,
        'any' as breakdown,
        0 as makes_members
    from topics_of_rules
    union all
    select
        null as rule,
        population,
        topic,
        'any' as breakdown,
        1 as makes_members
    from topics_of_populations
    union all
    select
        null as rule,
        null as population,
        'reports' as topic,
        'reporting' as breakdown,
        0 as makes_members
    union all
    select
        null as rule,
        null as population,
        'regions' as topic,
        'un_region' as breakdown,
        1 as makes_members
) as asked
    on
        indicators.rule = asked.rule
        or indicators.population = asked.population
        or asked.breakdown <> 'any'
group by indicators.plan_version, indicators.indicator_id, asked.topic, asked.breakdown
